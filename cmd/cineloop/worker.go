package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/deid/batch"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/bucket"
	"github.com/cineloop/cineloop/store/queue"
)

const (
	deidTopic = "deid"
	deidLease = 5 * time.Minute
)

type workerOptions struct {
	deidOptions
	Queue string
	Drain bool
	Lease time.Duration
}

func newWorkerCmd(io ioStreams) *cobra.Command {
	var opts workerOptions
	cmd := &cobra.Command{
		Use:   "worker IN OUT --queue URL --key FILE",
		Short: "De-identify files that a queue hands out, beside other workers",
		Long: `Takes tasks from the queue and de-identifies the files that they name under IN into OUT, until it is stopped; with --drain, until the queue is empty. Any number
of workers on any number of machines share IN, OUT, queue, policy and key. A worker may be killed at any point: its tasks go to others, and nothing
is half written.

  cineloop deid enqueue IN --queue postgres://…    once: a task for each file
  cineloop worker IN OUT --queue postgres://…      on every machine
  cineloop deid IN OUT …                           at the end: checks everything, does what is missing, writes the manifest

Queues: a file (SQLite), postgres://…, nats://… (JetStream). IN and OUT may be in object storage (s3://…, gs://…, azblob://…), see cineloop deid; nothing is shared then
but the queue and the buckets.

Exit status: 0 stopped or the queue is empty; otherwise as cineloop deid.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.In, opts.Out = args[0], args[1]
			return runWorker(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Queue, "queue", "", "where the tasks are")
	f.StringVar(&opts.Policy, "policy", "research", "policy file, or the name of a built-in policy")
	f.StringVar(&opts.Key, "key", os.Getenv("CINELOOP_DEID_KEY"), "file with the project's secret; default $CINELOOP_DEID_KEY")
	f.StringVar(&opts.Quarantine, "quarantine", "", "folder for copies of what is held back; it holds patients' data")
	f.IntVar(&opts.Workers, "workers", 0, "how many files at a time; default one for each processor")
	f.DurationVar(&opts.Lease, "lease", deidLease, "how long a task stays with a worker that is not heard of")
	f.BoolVar(&opts.Drain, "drain", false, "stop when no task is left")
	_ = cmd.MarkFlagRequired("queue")
	return cmd
}

func init() { register(newWorkerCmd) }

func runWorker(ctx context.Context, opts workerOptions, io ioStreams) error {
	small()
	profile, key, err := openDeid(opts.Policy, opts.Key)
	if err != nil {
		return err
	}
	q, err := queue.Open(ctx, opts.Queue, queue.Options{Topic: deidTopic, Lease: opts.Lease})
	if err != nil {
		return err
	}
	defer q.Close()
	var worker func() *batch.Worker
	var file func(ctx context.Context, w *batch.Worker, rel string) error
	if bucket.Is(opts.In) || bucket.Is(opts.Out) {
		r, err := openBucketRun(ctx, opts.deidOptions, profile, key)
		if err != nil {
			if r != nil {
				r.close()
			}
			return err
		}
		defer r.close()
		worker, file = r.worker, func(ctx context.Context, w *batch.Worker, rel string) error {
			_, err := r.file(ctx, w, rel)
			return err
		}
	} else {
		s, err := batch.OpenSession(batch.Options{In: opts.In, Out: opts.Out, Quarantine: opts.Quarantine, Profile: profile, Key: key, Masker: deidMasker(profile)})
		if err != nil {
			return err
		}
		defer s.Close()
		worker, file = s.Worker, s.File
	}
	n := opts.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	idle := make(chan *batch.Worker, n)
	for range n {
		idle <- worker()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if opts.Drain {
		go untilEmpty(ctx, q, stop)
	}
	var mu sync.Mutex
	done := 0
	err = queue.Work(ctx, q, opts.Lease, n, func(ctx context.Context, d queue.Delivery) error {
		w := <-idle
		defer func() { idle <- w }()
		if err := file(ctx, w, string(d.Payload)); err != nil {
			return err
		}
		mu.Lock()
		done++
		mu.Unlock()
		return nil
	})
	fmt.Fprintf(io.Out, "%d files done\n", done)
	return err
}

// untilEmpty stops the workers when no task waits or is on lease.
func untilEmpty(ctx context.Context, q queue.Queue, stop func()) {
	for ctx.Err() == nil {
		asked := time.Now()
		st, err := q.Stats(ctx)
		if err == nil && st.Ready == 0 && st.Pending == 0 {
			stop()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(200*time.Millisecond, 10*time.Since(asked))): // counting a million tasks takes a while, and is not what workers are for
		}
	}
}

func newDeidEnqueueCmd(io ioStreams) *cobra.Command {
	var location string
	cmd := &cobra.Command{
		Use:   "enqueue IN --queue URL",
		Short: "Make a task for each file under IN; see cineloop worker",
		Long: `A file that has its task already gets no second one. Names of files are in the queue: it belongs to the side of the patients.

Exit status: 0 done, 3 IN or the queue can't be read, 6 IN is not there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Stat(args[0]); err != nil && !bucket.Is(args[0]) {
				return fault.New(fault.NotFound, "the input %s is not there", args[0])
			}
			q, err := queue.Open(cmd.Context(), location, queue.Options{Topic: deidTopic, Lease: deidLease})
			if err != nil {
				return err
			}
			defer q.Close()
			var tasks []queue.Task
			found, added := 0, 0
			push := func() error {
				n, err := q.Push(cmd.Context(), tasks...)
				added += n
				tasks = tasks[:0]
				return err
			}
			err = eachDeidInput(cmd.Context(), args[0], func(rel string, size int64) error {
				found++
				sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", rel, size))
				tasks = append(tasks, queue.Task{Key: hex.EncodeToString(sum[:]), Payload: []byte(rel)})
				if len(tasks) == 500 {
					return push()
				}
				return nil
			})
			if err == nil {
				err = push()
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(io.Out, "%d files, %d new tasks\n", found, added)
			return nil
		},
	}
	cmd.Flags().StringVar(&location, "queue", "", "where the tasks go")
	_ = cmd.MarkFlagRequired("queue")
	return cmd
}
