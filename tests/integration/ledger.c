/* ledger FILE PERCENT: what a careful application does with a message. Appends
 * what it reads from standard input as one line to FILE, behind the text of the
 * variable LEDGER_LIFE, and ends with 0 once that is on the disk and a moment
 * has passed, in which whoever started it may die. Of 100 times it fails
 * PERCENT, before anything is written.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 256 * 1024 };

int main(int argc, char **argv)
{
    static char line[LINE_MAX_SIZE];
    const char *life = getenv("LEDGER_LIFE");
    unsigned char draw = 0, moment = 0;
    struct timespec pause = { 0 };
    size_t len;
    ssize_t n;
    int fd;
    if (argc != 3 || life == NULL || strlen(life) > 64)
        return 2;
    if (getrandom(&draw, 1, 0) != 1 || getrandom(&moment, 1, 0) != 1 ||
        draw * 100 / 256 < strtol(argv[2], NULL, 10))
        return 1;
    len = strlen(life);
    memcpy(line, life, len);
    line[len++] = ' ';
    while ((n = read(STDIN_FILENO, line + len, sizeof line - 1 - len)) > 0)
        len += (size_t)n;
    if (n < 0 || len + 1 >= sizeof line)
        return 1;
    if (line[len - 1] != '\n')
        line[len++] = '\n';
    fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* Whole in one call, or a kill could leave half of it. */
    if (fd < 0 || write(fd, line, len) != (ssize_t)len || fsync(fd) != 0)
        return 1;
    pause.tv_nsec = moment * 500000L;
    (void)nanosleep(&pause, NULL);
    return 0;
}
