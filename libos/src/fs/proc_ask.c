/*
 * Questions from process to process. See proc_ask.h.
 *
 * A slot goes FREE -> FILLING -> ASKED -> ANSWERING -> DONE -> FREE, each step by compare and swap;
 * the asker owns it in all states but ANSWERING. A slot whose asker has died is taken over.
 */
#include "proc_ask.h"

#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_pseudo.h"

#define SLOTS       32
#define FIRST_SIZE  (16UL << 10)
#define LAST_SIZE   (8UL << 20)
#define PATIENCE_NS 1000000000ULL /* for a process that does not begin to answer */
#define REMIND_NS   20000000ULL

enum { FREE, FILLING, ASKED, ANSWERING, DONE };

struct slot {         /* in the arena */
    uint32_t state;   /* atomic */
    int32_t from, to; /* pids; from 0: not told yet */
    uint32_t op;
    struct libos_pseudo_at at;
    long result;
    uint64_t size;     /* of the question, then of the answer; more than capacity: did not fit */
    uint64_t capacity; /* of data */
    char* data;        /* in the arena; kept with the slot */
    struct coord_queue done;
};

static struct board {
    uint32_t asked; /* atomic: at least as many as slots are ASKED */
    struct slot slots[SLOTS];
} * g_board;

static int32_t g_ready; /* atomic: pid of this process once it can answer; not its parent's */

void libos_proc_answer_ready(int32_t pid) {
    __atomic_store_n(&g_ready, pid, __ATOMIC_SEQ_CST);
    if (libos_proc_asked_of(pid)) /* its kick came too early */
        __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
}

int libos_proc_answer_init(void) {
    g_board = coord_root(COORD_ROOT_PROC, sizeof(*g_board));
    libos_proc_answer_ready(cur_process()->pid);
    return g_board ? 0 : -ENOMEM;
}

static bool change(struct slot* s, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(&s->state, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* ---- answering ------------------------------------------------------------------------------- */

static bool is_for(const struct slot* s, int32_t pid) {
    return __atomic_load_n(&s->state, __ATOMIC_RELAXED) == ASKED && s->to == pid;
}

bool libos_proc_asked_of(int32_t pid) {
    if (!g_board || !__atomic_load_n(&g_board->asked, __ATOMIC_SEQ_CST))
        return false;
    for (int i = 0; i < SLOTS; i++) {
        if (is_for(&g_board->slots[i], pid))
            return true;
    }
    return false;
}

bool libos_proc_asked(void) {
    int32_t pid = cur_process()->pid;
    return pid == __atomic_load_n(&g_ready, __ATOMIC_SEQ_CST) && !libos_get_tcb()->held &&
           libos_proc_asked_of(pid);
}

/* The answer, as far as it fits: else only its size. */
static void put_answer(struct slot* s, const void* data, size_t size) {
    s->size = size;
    if (size <= s->capacity)
        memcpy(s->data, data, size);
}

static void put_text(struct slot* s, struct libos_text* text) {
    if (text->error && !s->result)
        s->result = text->error;
    put_answer(s, text->buf, s->result < 0 ? 0 : text->size);
    libos_free(text->buf);
}

static bool add_entry(void* arg, const char* name, uint64_t id) {
    struct proc_ask_entry e = {.id = id};
    strlcpy(e.name, name, sizeof(e.name));
    libos_text_append(arg, (const char*)&e, sizeof(e));
    return true;
}

static void answer_memory(struct slot* s) {
    uint64_t args[2];
    memcpy(args, s->data, sizeof(args));
    if (s->op == ASK_MEM_WRITE) {
        size_t size = s->size - sizeof(args[0]);
        size_t left = user_copy_to_partial((void*)args[0], s->data + sizeof(args[0]), size);
        s->result = (long)(size - left);
        s->size = 0;
        return;
    }
    size_t size = MIN(args[1], s->capacity);
    size_t left = user_copy_from_partial(s->data, (const void*)args[0], size);
    s->result = (long)(size - left);
    s->size = size - left;
}

static void answer(struct slot* s) {
    struct libos_pseudo_at at = s->at;
    const struct libos_pseudo_node* node = at.node;
    struct libos_text text = {0};
    s->result = 0;
    switch (s->op) {
        case ASK_SHOW:
            s->result = node->show(&at, &text);
            put_text(s, &text);
            break;
        case ASK_STORE:
            s->result = node->store(&at, s->data, s->size);
            s->size = 0;
            break;
        case ASK_READLINK: {
            char buf[PATH_MAX];
            s->result = node->readlink(&at, buf, sizeof(buf));
            put_answer(s, buf, s->result < 0 ? 0 : (size_t)s->result);
            break;
        }
        case ASK_STAT: {
            struct libos_stat st;
            memcpy(&st, s->data, sizeof(st));
            s->result = node->stat(&at, &st);
            put_answer(s, &st, sizeof(st));
            break;
        }
        case ASK_MATCH: { /* the child's node, then the name */
            const struct libos_pseudo_node* child;
            char name[64];
            uint64_t id = 0;
            memcpy(&child, s->data, sizeof(child));
            size_t len = MIN(s->size - sizeof(child), sizeof(name));
            memcpy(name, s->data + sizeof(child), len);
            s->result = child->match(&at, name, len, &id) ? 0 : -ENOENT;
            put_answer(s, &id, sizeof(id));
            break;
        }
        case ASK_LIST: {
            const struct libos_pseudo_node* child;
            memcpy(&child, s->data, sizeof(child));
            child->list(&at, add_entry, &text);
            put_text(s, &text);
            break;
        }
        case ASK_QUESTION: {
            struct libos_question q;
            memcpy(&q, s->data, sizeof(q));
            s->result = libos_question_answer(&q);
            put_answer(s, &q, sizeof(q));
            break;
        }
        case ASK_MEM_READ:
        case ASK_MEM_WRITE:
            answer_memory(s);
            break;
        default:
            s->result = -EINVAL;
    }
}

void libos_proc_answer(void) {
    struct libos_thread* t = get_cur_thread();
    if (!libos_proc_asked())
        return;
    int32_t pid = cur_process()->pid;
    bool nested = t->answering;
    t->answering = true;
    for (int i = 0; i < SLOTS; i++) {
        struct slot* s = &g_board->slots[i];
        if (!is_for(s, pid) || !change(s, ASKED, ANSWERING))
            continue;
        __atomic_sub_fetch(&g_board->asked, 1, __ATOMIC_SEQ_CST);
        if (s->to == pid)
            answer(s);
        __atomic_store_n(&s->state, DONE, __ATOMIC_SEQ_CST);
        coord_wake(&s->done);
    }
    t->answering = nested;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool is_there(int32_t pid) {
    struct coord_process p;
    return coord_process_next(pid, &p) == pid && proc_entry_is_alive(&p);
}

static struct slot* claim(void) {
    for (int i = 0; i < SLOTS; i++) {
        if (change(&g_board->slots[i], FREE, FILLING)) {
            g_board->slots[i].from = cur_process()->pid;
            return &g_board->slots[i];
        }
    }
    for (int i = 0; i < SLOTS; i++) { /* of one that died asking; not while it is answered */
        struct slot* s = &g_board->slots[i];
        uint32_t state = __atomic_load_n(&s->state, __ATOMIC_SEQ_CST);
        if (state != FREE && s->from && !is_there(s->from) &&
            (state != ANSWERING || !is_there(s->to)) && change(s, state, FILLING)) {
            s->from = cur_process()->pid;
            return s;
        }
    }
    return NULL;
}

static bool make_room(struct slot* s, size_t size) {
    if (s->capacity >= size)
        return true;
    char* bigger = coord_alloc(PAGE_UP(size));
    if (!bigger)
        return false;
    coord_free(s->data);
    s->data = bigger;
    s->capacity = PAGE_UP(size);
    return true;
}

static uint64_t now_ns(void) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    return now;
}

/* 0: answered. -ESRCH: it will not be. A process that has begun is waited for as long as it lives.
 */
static long await(struct slot* s) {
    uint64_t end = now_ns() + PATIENCE_NS;
    for (;;) {
        uint32_t number = coord_queue_number(&s->done);
        if (__atomic_load_n(&s->state, __ATOMIC_SEQ_CST) == DONE)
            return 0;
        uint64_t now = now_ns();
        if ((now >= end || !is_there(s->to)) && change(s, ASKED, FILLING)) {
            __atomic_sub_fetch(&g_board->asked, 1, __ATOMIC_SEQ_CST);
            return -ESRCH;
        }
        if (__atomic_load_n(&s->state, __ATOMIC_SEQ_CST) == ANSWERING && !is_there(s->to) &&
            change(s, ANSWERING, FILLING))
            return -ESRCH;
        long ret = coord_wait(&s->done, number, PAL_CLOCK_MONOTONIC, now + REMIND_NS);
        if (ret == -EINTR) { /* the signal has to wait, and two who ask each other both answer */
            libos_proc_answer();
            PalThreadYieldExecution();
        } else if (ret == -ETIMEDOUT) {
            coord_process_kick(s->to);
        }
    }
}

static long ask_once(struct slot* s, size_t in_size) {
    s->size = in_size;
    __atomic_add_fetch(&g_board->asked, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&s->state, ASKED, __ATOMIC_SEQ_CST);
    coord_process_kick(s->to);
    return await(s);
}

long proc_ask(int32_t pid, enum proc_ask_op op, const struct libos_pseudo_at* at, const void* in,
              size_t in_size, struct libos_text* out) {
    struct coord_process p;
    if (!g_board || coord_process_next(pid, &p) != pid || !proc_entry_is_alive(&p) || p.in_parent ||
        p.host_stopped)
        return -ESRCH;
    struct slot* s = claim();
    if (!s)
        return -EAGAIN;
    s->to = pid;
    s->op = op;
    if (at)
        s->at = *at;
    long ret = -E2BIG;
    for (size_t size = MAX(FIRST_SIZE, in_size); ret == -E2BIG && size <= LAST_SIZE;
         size = s->size + FIRST_SIZE) {
        if (!make_room(s, size)) {
            ret = -ENOMEM;
            break;
        }
        memcpy(s->data, in, in_size);
        ret = ask_once(s, in_size);
        if (ret == 0)
            ret = s->size > s->capacity ? -E2BIG : s->result;
        if (ret >= 0 && out && s->size)
            libos_text_append(out, s->data, s->size);
    }
    s->from = 0;
    __atomic_store_n(&s->state, FREE, __ATOMIC_SEQ_CST);
    return ret;
}

/* ---- who is meant ---------------------------------------------------------------------------- */

bool proc_is_remote(const struct libos_pseudo_at* at, int32_t* pid) {
    const struct libos_pseudo_node* process = at->depth == 1  ? at->node
                                              : at->depth > 1 ? at->parents[1]
                                                              : NULL;
    if (!process || process->name || at->parents[0] != &g_proc_root || !at->id_count)
        return false;
    int32_t id = (int32_t)at->ids[0];
    if (id == cur_process()->pid)
        return false;
    struct coord_process p;
    if (coord_process_next(id, &p) == id) {
        *pid = id;
        return true;
    }
    const struct coord_process* owner = coord_id_owner(id); /* a thread's number */
    if (!owner || owner == coord_process_current())
        return false;
    *pid = owner->pid;
    return true;
}
