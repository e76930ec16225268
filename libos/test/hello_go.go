// Goroutines, channels, timers, memory and the collector, in a statically linked Go program.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"
)

func main() {
	var wg sync.WaitGroup
	out := make(chan int, 100)
	for i := 0; i < 100; i++ {
		wg.Add(1)
		go func(n int) {
			defer wg.Done()
			b := make([]byte, 1<<16)
			for j := range b {
				b[j] = byte(n * j)
			}
			sum := 0
			for _, v := range b {
				sum += int(v)
			}
			out <- sum
		}(i)
	}
	wg.Wait()
	close(out)
	var sums []int
	for s := range out {
		sums = append(sums, s)
	}
	sort.Ints(sums)
	runtime.GC()
	select {
	case <-time.After(5 * time.Millisecond):
	}
	for i := 0; i < 20000; i++ {
		os.Getppid()
	}
	defer func() {
		fmt.Println("recovered:", recover() != nil)
		fmt.Println("hello from Go:", len(sums), sums[0], sums[99])
		if len(os.Args) > 1 {
			os.Exit(7)
		}
	}()
	var p *int
	fmt.Println(*p)
}
