/*
 * Readiness of POSIX message queues, for poll and epoll in any process: a pipe of the host with
 * room for two packets. It holds none while the queue is empty, one, and two when the queue is
 * full; so it can be read and written just when the queue can. It exists from the first poll on.
 * Who needs it opens it by the host's name of a handle that some process has.
 */
#include "libos_event.h"
#include "libos_process.h"
#include "mq_internal.h"

#define PIPE_SIZE (2 * (int)PAGE_SIZE)

static char g_page[PAGE_SIZE]; /* its contents mean nothing */

/* Under the queue's lock. Once it is open here, others can open it from here. */
static int add_end(struct mqueue* q, struct mq_file* mf) {
    struct mq_end* end = coord_alloc(sizeof(*end));
    int ret = end ? (int)pal_to_errno(PalHandleName(mf->pipe, &end->name)) : -ENOMEM;
    if (ret < 0) {
        coord_free(end);
        return ret;
    }
    coord_list_add_tail(&q->ends, &end->node);
    mf->end = end;
    return 0;
}

static int make_pipe(PAL_HANDLE* out) {
    PAL_HANDLE ends[2];
    int ret = PalPipeCreate(PAL_OPTION_NONBLOCK, ends);
    if (ret < 0)
        return ret;
    int size = PIPE_SIZE;
    ret = PalStreamControl(ends[0], PAL_OP_PIPE_SIZE_SET, &size, sizeof(size));
    if (ret >= 0)
        ret = PalStreamReopen(ends[0], PAL_ACCESS_RDWR, PAL_OPTION_NONBLOCK, out);
    PalObjectClose(ends[0]);
    PalObjectClose(ends[1]);
    return ret;
}

/* The pipe that is there; PAL_ERROR_STREAMNOTEXIST: nobody has it open any more. */
static int find_pipe(struct mqueue* q, PAL_HANDLE* out) {
    list_for_each_safe(end, &q->ends, struct mq_end, node) {
        int ret = PalStreamOpenNamed(&end->name, PAL_ACCESS_RDWR, PAL_OPTION_NONBLOCK, out);
        if (ret != PAL_ERROR_STREAMNOTEXIST)
            return ret;
        coord_list_del(&end->node); /* its process was killed */
        coord_free(end);
    }
    return PAL_ERROR_STREAMNOTEXIST;
}

static int open_pipe(struct mqueue* q, struct mq_file* mf, bool make) {
    int ret = find_pipe(q, &mf->pipe);
    if (ret == PAL_ERROR_STREAMNOTEXIST) {
        COORD_SET(q->shown, false);
        COORD_SET(q->level, 0);
        ret = make ? make_pipe(&mf->pipe) : ret;
    }
    if (ret < 0) {
        mf->pipe = NULL;
        return ret;
    }
    COORD_SET(q->shown, true);
    ret = add_end(q, mf);
    if (ret < 0) {
        PalObjectClose(mf->pipe);
        mf->pipe = NULL;
    }
    return ret;
}

void mq_show_level(struct mq_file* mf) {
    struct mqueue* q = mf->q;
    uint32_t want = (q->count > 0) + (q->count == q->max_messages);
    if (!q->shown || want == q->level || (!mf->pipe && open_pipe(q, mf, false) < 0))
        return;
    while (q->level != want) {
        PAL_NUM count = PAGE_SIZE;
        int ret = q->level < want
                      ? PalStreamWrite(mf->pipe, PAL_OFFSET_CURRENT, &count, g_page, NULL)
                      : PalStreamRead(mf->pipe, PAL_OFFSET_CURRENT, &count, g_page, NULL, 0);
        if (ret == PAL_ERROR_INTERRUPTED)
            continue; /* a kick; what it was for is looked at on the way out */
        if (ret < 0)
            break;
        COORD_SET(q->level, q->level < want ? q->level + 1 : q->level - 1);
    }
}

PAL_HANDLE mq_poll_handle(struct libos_file* f) {
    struct mq_file* mf = mq_file_of(f);
    PAL_HANDLE pipe = __atomic_load_n(&mf->pipe, __ATOMIC_ACQUIRE);
    if (pipe)
        return pipe;
    coord_lock(&mf->q->lock);
    if (mf->pipe || open_pipe(mf->q, mf, true) == 0)
        mq_show_level(mf);
    pipe = mf->pipe;
    coord_unlock(&mf->q->lock);
    return pipe;
}

void mq_close_pipe(struct mq_file* mf) {
    if (!mf->pipe)
        return;
    coord_lock(&mf->q->lock);
    if (mf->end) {
        coord_list_del(&mf->end->node);
        coord_free(mf->end);
    }
    coord_unlock(&mf->q->lock);
    PalObjectClose(mf->pipe);
}

void mq_forked_pipe(struct mq_file* mf) {
    mf->end = NULL;
    if (!mf->pipe)
        return;
    coord_lock(&mf->q->lock);
    add_end(mf->q, mf); /* if not: others open it from elsewhere */
    coord_unlock(&mf->q->lock);
}
