/* The vDSO image as data of the LibOS, and where in it the targets lie. */
    .section .rodata
    .globl g_vdso_image, g_vdso_image_end
    .hidden g_vdso_image, g_vdso_image_end
    .balign 16
g_vdso_image:
    .incbin CULM_VDSO_IMAGE
g_vdso_image_end:
    .section .note.GNU-stack, "", @progbits
