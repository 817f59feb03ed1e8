package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// workers times one and two worker processes on one queue and prints how much faster two are, and which resource stands in the way of more.
func workers(bin, in, key, policy, dir string, amount float64) error {
	type result struct{ wall, cpu float64 }
	best := map[int]result{}
	for range rounds {
		for _, n := range []int{1, 2} {
			out, queue := filepath.Join(dir, "workers"), filepath.Join(dir, "queue.db")
			os.RemoveAll(out)
			for _, f := range []string{queue, queue + "-wal", queue + "-shm"} {
				os.Remove(f)
			}
			if msg, err := exec.Command(bin, "deid", "enqueue", in, "--queue", queue).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, msg)
			}
			start := time.Now()
			var procs []*exec.Cmd
			for range n {
				cmd := exec.Command(bin, "worker", in, out, "--queue", queue, "--policy", policy, "--key", key, "--workers", "1", "--drain")
				cmd.Stderr = os.Stderr
				if err := cmd.Start(); err != nil {
					return err
				}
				procs = append(procs, cmd)
			}
			r := result{}
			for _, p := range procs {
				if err := p.Wait(); err != nil {
					return err
				}
				u := p.ProcessState.SysUsage().(*syscall.Rusage)
				r.cpu += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
			}
			r.wall = time.Since(start).Seconds()
			if b, ok := best[n]; !ok || r.wall < b.wall {
				best[n] = r
			}
		}
	}
	fmt.Printf("CT by 2 worker processes, files per second, peer 1 process | %.0f | %.0f | %.2f | \n", amount/best[2].wall, amount/best[1].wall, best[1].wall/best[2].wall)
	fmt.Printf("CT by 2 worker processes, files per CPU-second, peer 1 process | %.0f | %.0f | %.2f | \n", amount/best[2].cpu, amount/best[1].cpu, best[1].cpu/best[2].cpu)
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("load of the machine meanwhile | %s | | | \n", strings.Fields(string(load))[0])
	}
	return nil
}
