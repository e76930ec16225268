/*
 * deny NR=ERRNO[,NR=ERRNO...] PROGRAM ARG...: runs a program under a seccomp filter that answers
 * these system calls with these errors, as an older kernel or a container's profile would.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_RULES 32

int main(int argc, char** argv) {
    struct sock_filter code[2 * MAX_RULES + 2];
    unsigned short n = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: deny NR=ERRNO[,...] PROGRAM ARG...\n");
        return 2;
    }
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (char* at = argv[1]; *at && n < 2 * MAX_RULES; at += *at == ',') {
        unsigned int nr = strtoul(at, &at, 10);
        unsigned int error = *at == '=' ? strtoul(at + 1, &at, 10) : ENOSYS;
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {n, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("deny: seccomp");
        return 77;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
