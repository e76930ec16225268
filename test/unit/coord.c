/*
 * The arena between real processes: its allocator, locks whose owner is killed, queues, ids.
 */
#include "coord_fake.h"

/* ---- allocator ------------------------------------------------------------------------------- */

struct block {
    unsigned char* at;
    size_t size;
    unsigned char fill;
};

static bool is_all(const unsigned char* at, unsigned char c, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (at[i] != c)
            return false;
    }
    return true;
}

static void step(struct block* b, unsigned* seed) {
    unsigned kind = (unsigned)rand_r(seed) % 100, n = (unsigned)rand_r(seed);
    if (b->at) {
        assert_true(is_all(b->at, b->fill, b->size));
        coord_free(b->at);
        b->at = NULL;
        return;
    }
    b->size = 1 + (kind < 80 ? n % 700 : kind < 97 ? n % 30000 : n % 600000);
    b->at = coord_alloc(b->size);
    assert_non_null(b->at);
    assert_int_equal((uint64_t)b->at & 15, 0);
    assert_true(b->size <= 2048 || ((uint64_t)b->at & 4095) == 0);
    assert_true(is_all(b->at, 0, b->size));
    b->fill = (unsigned char)(1 + n % 255);
    memset(b->at, b->fill, b->size);
}

#define BLOCKS 300

static void allocator(void** unused) {
    static struct block blocks[BLOCKS];
    unsigned seed = 1;
    size_t total, before, after;
    (void)unused;
    for (int i = 0; i < 30000; i++)
        step(&blocks[(unsigned)rand_r(&seed) % BLOCKS], &seed);
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].at)
            step(&blocks[i], &seed);
    }
    coord_memory(&total, &before);
    void* big[3];
    for (int i = 0; i < 3; i++)
        assert_non_null(big[i] = coord_alloc(50 << 20));
    ((char*)big[1])[12345] = 1;
    coord_free(big[0]);
    coord_free(big[2]);
    coord_free(big[1]); /* joins both */
    assert_non_null(big[0] = coord_alloc(150 << 20));
    assert_int_equal(((char*)big[0])[(50 << 20) + 12345], 0);
    coord_free(big[0]);
    coord_memory(&total, &after);
    assert_int_equal(before, after);
    coord_free(NULL);
}

static void full(void** unused) {
    static void* runs[64];
    size_t total, before, after;
    int n = 0;
    (void)unused;
    coord_memory(&total, &before);
    while (n < 64 && (runs[n] = coord_alloc(64 << 20)) != NULL)
        n++;
    assert_in_range(n, 5, 20);
    assert_null(coord_alloc(64 << 20));
    assert_null(coord_alloc(~0UL / 2));
    while (n)
        coord_free(runs[--n]);
    coord_memory(&total, &after);
    assert_int_equal(before, after);
}

static int allocates(void* arg) {
    static struct block blocks[BLOCKS];
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < 8000; i++)
        step(&blocks[(unsigned)rand_r(&seed) % BLOCKS], &seed);
    return 0;
}

static void allocator_of_several(void** unused) {
    int pids[3];
    (void)unused;
    for (uintptr_t i = 0; i < 3; i++)
        pids[i] = child_of(allocates, (void*)(i + 10));
    for (int i = 0; i < 3; i++)
        assert_int_equal(status_of_child(pids[i]), 0);
}

/* ---- locks ------------------------------------------------------------------------------------
 */

struct shared {
    struct coord_lock lock, inner;
    long a, b, rounds;
    int8_t small;
    char text[100];
    struct list_node list;
    struct coord_queue queue;
    void* block;
};
static struct shared* g_shared;

struct item {
    struct list_node node;
    long value;
};

static int dies_within(void* arg) {
    (void)arg;
    coord_lock(&g_shared->lock);
    COORD_SET(g_shared->a, 11);
    COORD_SET(g_shared->a, 12);
    COORD_SET(g_shared->small, 7);
    coord_log(g_shared->text, sizeof(g_shared->text));
    memset(g_shared->text, 'x', sizeof(g_shared->text));
    struct item* item = coord_alloc(sizeof(*item));
    coord_list_add_tail(&g_shared->list, &item->node);
    coord_free(g_shared->block);
    COORD_SET(g_shared->block, NULL);
    coord_lock(&g_shared->inner);
    COORD_SET(g_shared->b, 22); /* guarded by the inner one, and whole */
    coord_unlock(&g_shared->inner);
    coord_lock(&g_shared->inner);
    COORD_SET(g_shared->b, 23);
    kill(getpid(), 9);
    return 1;
}

static void killed_owner_is_undone(void** unused) {
    size_t total, before, after;
    (void)unused;
    strlcpy(g_shared->text, "as it was", sizeof(g_shared->text));
    g_shared->a = 1;
    g_shared->b = 2;
    g_shared->block = coord_alloc(100 << 10);
    memset(g_shared->block, 'b', 100 << 10);
    coord_free(coord_alloc(sizeof(struct item)));
    coord_memory(&total, &before);
    for (int i = 0; i < 50; i++) {
        g_shared->b = 2;
        assert_int_equal(status_of_child(child_of(dies_within, NULL)), 9);
        coord_lock(&g_shared->lock);
        assert_int_equal(g_shared->a, 1);
        assert_int_equal(g_shared->small, 0);
        assert_string_equal(g_shared->text, "as it was");
        assert_true(list_empty(&g_shared->list));
        assert_non_null(g_shared->block);
        assert_int_equal(g_shared->lock.recovered, i + 1);
        coord_lock(&g_shared->inner);
        assert_int_equal(g_shared->b, 22);
        coord_unlock(&g_shared->inner);
        coord_unlock(&g_shared->lock);
    }
    assert_true(is_all(g_shared->block, 'b', 100 << 10));
    coord_memory(&total, &after);
    assert_int_equal(before, after);
    for (int i = 0; i < COORD_LOGS; i++)
        assert_int_equal(g_coord->log_used[i], 0);
}

static int dies_after_commit(void* arg) {
    (void)arg;
    coord_lock(&g_shared->lock);
    COORD_SET(g_shared->a, 5);
    coord_free(g_shared->block);
    COORD_SET(g_shared->block, NULL);
    coord_commit();
    COORD_SET(g_shared->a, 6);
    kill(getpid(), 9);
    return 1;
}

static void committed_stands(void** unused) {
    (void)unused;
    assert_int_equal(status_of_child(child_of(dies_after_commit, NULL)), 9);
    coord_lock(&g_shared->lock);
    assert_int_equal(g_shared->a, 5);
    assert_null(g_shared->block);
    coord_unlock(&g_shared->lock);
}

/* Two numbers that are always equal, in a lock taken by several that are killed at any time. */
static int counts_for_ever(void* arg) {
    (void)arg;
    for (;;) {
        coord_lock(&g_shared->lock);
        if (g_shared->a != g_shared->b)
            _exit(3);
        COORD_SET(g_shared->a, g_shared->a + 1);
        struct item* item = coord_alloc(sizeof(*item));
        coord_list_add_tail(&g_shared->list, &item->node);
        COORD_SET(g_shared->b, g_shared->b + 1);
        if (g_shared->rounds++ % 3) {
            item = list_first(&g_shared->list, struct item, node);
            coord_list_del(&item->node);
            coord_free(item);
        }
        coord_unlock(&g_shared->lock);
    }
}

static void killed_at_any_time(void** unused) {
    (void)unused;
    coord_lock(&g_shared->lock);
    COORD_SET(g_shared->b, g_shared->a);
    coord_unlock(&g_shared->lock);
    long last = g_shared->a;
    for (int i = 0; i < 300; i++) {
        int pids[2] = {child_of(counts_for_ever, NULL), child_of(counts_for_ever, NULL)};
        usleep((unsigned)(i % 40) * 100);
        kill(pids[0], 9);
        kill(pids[1], 9);
        assert_int_equal(status_of_child(pids[0]), 9);
        assert_int_equal(status_of_child(pids[1]), 9);
        coord_lock(&g_shared->lock);
        assert_int_equal(g_shared->a, g_shared->b);
        assert_true(g_shared->a >= last);
        last = g_shared->a;
        while (!list_empty(&g_shared->list)) { /* whole, forwards and backwards */
            struct item* item = list_first(&g_shared->list, struct item, node);
            assert_ptr_equal(item->node.next->prev, &item->node);
            coord_list_del(&item->node);
            coord_free(item);
            coord_commit();
        }
        coord_unlock(&g_shared->lock);
    }
    assert_true(last > 1000);
    assert_true(g_shared->lock.recovered > 50);
}

/* ---- queues -----------------------------------------------------------------------------------
 */

static int waits_for_turns(void* arg) {
    long parity = (long)arg;
    for (int i = 0; i < 300; i++) {
        coord_lock(&g_shared->lock);
        while (g_shared->rounds % 2 != parity) {
            uint32_t number = coord_queue_number(&g_shared->queue);
            coord_unlock(&g_shared->lock);
            if (coord_wait(&g_shared->queue, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT))
                return 2;
            coord_lock(&g_shared->lock);
        }
        COORD_SET(g_shared->rounds, g_shared->rounds + 1);
        coord_wake(&g_shared->queue);
        coord_unlock(&g_shared->lock);
    }
    return 0;
}

static void queue_of_two(void** unused) {
    (void)unused;
    g_shared->rounds = 0;
    int even = child_of(waits_for_turns, (void*)0), odd = child_of(waits_for_turns, (void*)1);
    assert_int_equal(status_of_child(even), 0);
    assert_int_equal(status_of_child(odd), 0);
    assert_int_equal(g_shared->rounds, 600);
    assert_int_equal(g_shared->queue.waiters, 0);
}

static void queue_deadline(void** unused) {
    PAL_NUM now;
    (void)unused;
    uint32_t number = coord_queue_number(&g_shared->queue);
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    assert_int_equal(coord_wait(&g_shared->queue, number, PAL_CLOCK_MONOTONIC, now + 1000000),
                     -ETIMEDOUT);
    coord_wake(&g_shared->queue);
    assert_int_equal(coord_wait(&g_shared->queue, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT), 0);
}

/* ---- ids and roots ----------------------------------------------------------------------------
 */

static void ids(void** unused) {
    struct coord_process* first = coord_process_first();
    (void)unused;
    int32_t a = coord_id_new(first), b = coord_id_new(first);
    assert_int_equal(b, a + 1);
    assert_ptr_equal(coord_id_owner(a), first);
    assert_ptr_equal(coord_id_owner(1), first);
    assert_null(coord_id_owner(b + 1));
    assert_null(coord_id_owner(0));
    assert_null(coord_id_owner(-1));
    assert_null(coord_id_owner(COORD_ID_MAX));
    coord_id_free(a);
    assert_null(coord_id_owner(a));
    assert_int_equal(coord_id_new(first), b + 1); /* not the lowest one */
    g_coord->last_id = COORD_ID_FIRST + 4;
    int32_t held = coord_id_new(first);
    assert_int_equal(held, COORD_ID_FIRST + 5);
    g_coord->last_id = COORD_ID_MAX - 3;
    assert_int_equal(coord_id_new(first), COORD_ID_MAX - 2);
    assert_int_equal(coord_id_new(first), COORD_ID_MAX - 1);
    for (int32_t id = COORD_ID_FIRST; id < held; id++)
        assert_int_equal(coord_id_new(first), id);
    assert_int_equal(coord_id_new(first), held + 1); /* that one is in use */
}

static int takes_ids(void* arg) {
    for (int i = 0; i < 3000; i++) {
        if (coord_id_new(arg) < 0)
            return 1;
    }
    return 0;
}

static void ids_of_several(void** unused) {
    uint32_t before = g_coord->last_id, taken = 0;
    int pids[3];
    (void)unused;
    for (int i = 0; i < 3; i++)
        pids[i] = child_of(takes_ids, coord_process_first());
    for (int i = 0; i < 3; i++)
        assert_int_equal(status_of_child(pids[i]), 0);
    for (uint32_t id = before + 1; id <= before + 9000; id++)
        taken += coord_id_owner((int32_t)id) == coord_process_first();
    assert_int_equal(taken, 9000);
}

static int finds_root(void* arg) {
    return coord_root(COORD_ROOT_SEM, 64) != arg;
}

static void roots(void** unused) {
    (void)unused;
    void* root = coord_root(COORD_ROOT_SEM, 64);
    assert_non_null(root);
    assert_int_equal(status_of_child(child_of(finds_root, root)), 0);
    assert_ptr_not_equal(coord_root(COORD_ROOT_MSG, 64), root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocator),
        cmocka_unit_test(full),
        cmocka_unit_test(allocator_of_several),
        cmocka_unit_test(killed_owner_is_undone),
        cmocka_unit_test(committed_stands),
        cmocka_unit_test(killed_at_any_time),
        cmocka_unit_test(queue_of_two),
        cmocka_unit_test(queue_deadline),
        cmocka_unit_test(ids),
        cmocka_unit_test(ids_of_several),
        cmocka_unit_test(roots),
    };
    fake_init();
    g_shared = coord_alloc(sizeof(*g_shared));
    list_init(&g_shared->list);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
