import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

/** Threads, locks, garbage, null checks by signal, files and timers. */
public class Threads {
    static volatile Object sink;

    static int depth(int n) {
        return depth(n + 1) + 1;
    }

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Long>> results = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            final int n = i;
            results.add(pool.submit(() -> {
                long sum = 0;
                for (int j = 0; j < 20000; j++) {
                    byte[] garbage = new byte[200];
                    garbage[j % 200] = (byte) n;
                    sink = garbage;
                    sum += garbage[j % 200];
                }
                return sum;
            }));
        }
        long total = 0;
        for (Future<Long> f : results)
            total += f.get();
        pool.shutdown();
        System.out.println("sum " + total);
        int caught = 0;
        String nothing = args.length > 5 ? "x" : null;
        for (int i = 0; i < 20000; i++) {
            try {
                caught += nothing.length();
            } catch (NullPointerException e) {
                caught++;
            }
        }
        System.out.println("null checks " + caught);
        try {
            depth(0);
        } catch (StackOverflowError e) {
            System.out.println("stack overflow caught");
        }
        AtomicInteger counter = new AtomicInteger();
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
        CountDownLatch five = new CountDownLatch(5);
        timer.scheduleAtFixedRate(() -> { counter.incrementAndGet(); five.countDown(); }, 1, 2,
                TimeUnit.MILLISECONDS);
        five.await();
        timer.shutdownNow();
        System.out.println("ticks " + (counter.get() >= 5));
        Path p = Paths.get("java-out.txt");
        Files.write(p, Collections.nCopies(1000, "a line"));
        System.out.println("lines " + Files.readAllLines(p).size());
        Files.delete(p);
        System.gc();
        Map<String, Integer> m = new ConcurrentHashMap<>();
        Thread[] t = new Thread[50];
        for (int i = 0; i < t.length; i++) {
            final int n = i;
            t[i] = new Thread(() -> { for (int j = 0; j < 100; j++) m.merge("k" + (j + n) % 10, 1, Integer::sum); });
            t[i].start();
        }
        for (Thread x : t)
            x.join();
        System.out.println(new TreeMap<>(m));
    }
}
