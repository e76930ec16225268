/* The smallest useful program; also built static, static-pie and with musl. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv, char** envp) {
    (void)argv;
    int n = 0;
    while (envp[n])
        n++;
    printf("hello from a C program\n");
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    printf("environment: %s\n", n && getenv("PATH") ? "present" : "empty");
    char* p = malloc(1 << 20);
    if (!p)
        return 2;
    p[12345] = 7;
    free(p);
    fprintf(stderr, "and a line on stderr\n");
    return argc > 1 ? 7 : 0;
}
