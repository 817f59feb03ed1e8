package annotate

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkEightClients: eight clients change one answer each 2,000 times, every change on the disk before it is acknowledged; then the project is
// opened again. It prints the latency of an op, and what replaying takes.
func BenchmarkEightClients(b *testing.B) {
	for b.Loop() {
		s := newStudy(b, "panel", 4)
		var mu sync.Mutex
		var all []time.Duration
		var wg sync.WaitGroup
		began := time.Now()
		n := 0
		for _, who := range []string{"ann", "bob", "carl"} {
			for _, task := range s.tasks(who)[:3] {
				if n++; n > 8 {
					break
				}
				wg.Go(func() {
					id := s.do(who, ReadingOpened, task.Assignment, 0, nil).Object
					e := s.do(who, AnswerPut, "", 0, m{"reading": id, "answer": m{"item": "note", "text": "0"}})
					own := make([]time.Duration, 0, 2000)
					for range 2000 {
						data, _ := json.Marshal(m{"reading": id, "answer": m{"item": "note", "text": "calcified leaflets, moderate"}})
						start := time.Now()
						next, err := s.Do(context.Background(), who, Op{Kind: AnswerPut, Object: e.Object, Base: e.Version, Data: data})
						if err != nil {
							b.Error(err)
							return
						}
						own, e = append(own, time.Since(start)), next
					}
					mu.Lock()
					all = append(all, own...)
					mu.Unlock()
				})
			}
		}
		wg.Wait()
		wall := time.Since(began)
		slices.Sort(all)
		at := func(p float64) float64 { return float64(all[int(p*float64(len(all)-1))].Microseconds()) / 1000 }
		b.ReportMetric(at(.5), "p50-ms")
		b.ReportMetric(at(.99), "p99-ms")
		b.ReportMetric(float64(len(all))/wall.Seconds(), "ops/s")
		dir := s.Dir()
		s.Close()
		if info, err := os.Stat(filepath.Join(dir, LogFile)); err == nil {
			b.ReportMetric(float64(info.Size())/1e6, "MB")
		}
		start := time.Now()
		p, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "replay-ms")
		p.Close()
	}
}
