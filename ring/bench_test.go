package ring

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// A frame from claim to drain, by producers and size; beside it a channel of copies and a slice under a mutex that the consumer swaps out.
func BenchmarkHandOver(b *testing.B) {
	for _, size := range []int{256, 64 << 10} {
		for _, producers := range []int{1, 2, 4} {
			for _, v := range []struct {
				name string
				run  func(b *testing.B, producers, size int)
			}{{"ring", benchRing}, {"channel", benchChannel}, {"mutex", benchMutex}} {
				b.Run(fmt.Sprintf("frame=%d/producers=%d/v=%s", size, producers, v.name), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					v.run(b, producers, size)
				})
			}
		}
	}
}

// produce runs n calls of put, divided among the producers.
func produce(n, producers int, put func(payload []byte), size int) *sync.WaitGroup {
	var all sync.WaitGroup
	for p := range producers {
		share := n / producers
		if p == 0 {
			share += n % producers
		}
		all.Go(func() {
			payload := make([]byte, size)
			for range share {
				put(payload)
			}
		})
	}
	return &all
}

func benchRing(b *testing.B, producers, size int) {
	benchStream(b, looksDefault, yieldsDefault, producers, size)
}

func benchStream(b *testing.B, looks, yields, producers, size int) {
	r := newRing(4 << 20)
	w := NewWaiter(r)
	w.looks, w.yields = looks, yields
	all := produce(b.N, producers, func(payload []byte) {
		for {
			c, ok := r.Claim(size)
			if ok {
				copy(c.Bytes(), payload)
				c.Commit()
				w.Wake()
				return
			}
			runtime.Gosched()
		}
	}, size)
	stop := make(chan struct{})
	for got := 0; got < b.N && w.Wait(stop); {
		r.Drain(1<<20, func([]byte) { got++ })
	}
	all.Wait()
}

func benchChannel(b *testing.B, producers, size int) {
	c := make(chan []byte, 1024)
	all := produce(b.N, producers, func(payload []byte) { c <- append([]byte(nil), payload...) }, size)
	for range b.N {
		<-c
	}
	all.Wait()
}

// benchMutex keeps each frame's length before it and walks the frames, as the ring has to. It does not sleep, and does not zero.
func benchMutex(b *testing.B, producers, size int) {
	var mu sync.Mutex
	var filling, draining []byte
	all := produce(b.N, producers, func(payload []byte) {
		for {
			mu.Lock()
			if len(filling) < 2<<20 {
				filling = binary.NativeEndian.AppendUint64(filling, uint64(len(payload)))
				filling = append(filling, payload...)
				mu.Unlock()
				return
			}
			mu.Unlock()
			runtime.Gosched()
		}
	}, size)
	got := 0
	take := func([]byte) { got++ }
	for got < b.N {
		mu.Lock()
		filling, draining = draining[:0], filling
		mu.Unlock()
		if len(draining) == 0 {
			runtime.Gosched()
		}
		for rest := draining; len(rest) > 0; {
			n := binary.NativeEndian.Uint64(rest)
			take(rest[8 : 8+n])
			rest = rest[8+n:]
		}
	}
	all.Wait()
}

// What the waiter's patience costs and brings, for one frame at a time that is answered, and for two producers who never stop.
func BenchmarkPatience(b *testing.B) {
	for _, looks := range []int{1, 30, 300, 3000} {
		for _, yields := range []int{0, 2, 20} {
			name := fmt.Sprintf("looks=%d/yields=%d/", looks, yields)
			b.Run(name+"one", func(b *testing.B) { benchAnswered(b, looks, yields) })
			b.Run(name+"stream", func(b *testing.B) { benchStream(b, looks, yields, 2, 256) })
		}
	}
}

func benchAnswered(b *testing.B, looks, yields int) {
	r := newRing(64 << 10)
	w := NewWaiter(r)
	w.looks, w.yields = looks, yields
	stop, ended, back := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(ended)
		for w.Wait(stop) {
			r.Drain(1<<20, func([]byte) { back <- struct{}{} })
		}
	}()
	for b.Loop() {
		c, _ := r.Claim(256)
		c.Commit()
		w.Wake()
		<-back
	}
	close(stop)
	<-ended
}
