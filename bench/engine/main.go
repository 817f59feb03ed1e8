// Command engine times a training step of r3d_18 (2 clips of 3×16×112×112, cross entropy, SGD with momentum) against Python's torch:
// both in processes of their own that take one step each in turns, in one run, so that a busy machine slows both alike.
//
//	go run ./bench/engine [-rounds 7] [-threads 2]
//
// It prints rows name | ours | peer | ratio | limit. Times are medians of wall time in seconds, memory is the peak resident size in MiB
// after all rounds. The peer runs with the OpenMP settings that ours sets for itself; -plain leaves the peer's to its defaults.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

func main() {
	var o options
	worker := flag.String("worker", "", "be a worker: fp32 or bf16 (used by the program itself)")
	flag.IntVar(&o.rounds, "rounds", 7, "timed steps of each process, after one that is not counted")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads of each process")
	flag.BoolVar(&o.plain, "plain", false, "leave OMP_WAIT_POLICY of the peer to its default")
	flag.Parse()
	var err error
	if *worker != "" {
		err = work(*worker, o.threads, os.Stdin, os.Stdout)
	} else {
		err = compare(o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/engine:", err)
		os.Exit(1)
	}
}

// row is one line of the table; peer is 0 where there is none.
type row struct {
	name              string
	ours, peer, limit float64
	unit              string
}

func printRows(w io.Writer, rows []row) {
	fmt.Fprintln(w, "name | ours | peer | ratio | limit")
	for _, r := range rows {
		peer, ratio := "-", "-"
		if r.peer > 0 {
			peer, ratio = fmt.Sprintf("%.2f", r.peer), fmt.Sprintf("%.3f", r.ours/r.peer)
		}
		fmt.Fprintf(w, "%s (%s) | %.2f | %s | %s | %s\n", r.name, r.unit, r.ours, peer, ratio, limitText(r.limit))
	}
}

func limitText(limit float64) string {
	if limit == 0 {
		return "-"
	}
	return fmt.Sprintf("<= %.2f", limit)
}
