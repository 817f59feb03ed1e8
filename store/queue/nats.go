package queue

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cineloop/cineloop/internal/fault"
)

// natsQueue is a queue in two JetStream streams. Tasks holds a message for every key, under a subject of the key's digest: it stays
// when the task is done, and is what makes keys idempotent. Dead holds the dead letters. Leases and pauses are the server's own.
type natsQueue struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	tasks    jetstream.Stream
	dead     jetstream.Stream
	consumer jetstream.Consumer
	opts     Options
	stop     func() // of a server inside this process
}

const (
	headerKey      = "Cineloop-Key"
	headerReason   = "Cineloop-Reason"
	headerAttempts = "Cineloop-Attempts"
)

func openNATS(ctx context.Context, location string, opts Options) (Queue, error) {
	conn, err := nats.Connect(location, nats.Name("cineloop"), nats.MaxReconnects(-1))
	if err != nil {
		return nil, fault.New(fault.Missing, "reaching NATS: %w", err).WithHint("is the server up, with JetStream enabled?")
	}
	q, err := newNATS(ctx, conn, opts, func() {})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return q, nil
}

func newNATS(ctx context.Context, conn *nats.Conn, opts Options, stop func()) (*natsQueue, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	q := &natsQueue{conn: conn, js: js, opts: opts, stop: stop}
	base := jetstream.StreamConfig{Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, MaxMsgsPerSubject: 1, AllowDirect: true}
	tasks, dead := base, base
	tasks.Name, tasks.Subjects, tasks.Discard = "CINELOOP-"+opts.Topic, []string{q.subject("task", "*")}, jetstream.DiscardNew
	tasks.DiscardNewPerSubject = true
	dead.Name, dead.Subjects = "CINELOOP-"+opts.Topic+"-DEAD", []string{q.subject("dead", "*")}
	if q.tasks, err = js.CreateOrUpdateStream(ctx, tasks); err == nil {
		q.dead, err = js.CreateOrUpdateStream(ctx, dead)
	}
	if err == nil {
		q.consumer, err = q.tasks.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, AckWait: opts.Lease, MaxDeliver: -1, MaxAckPending: -1,
		})
	}
	if err != nil {
		return nil, fault.New(fault.Missing, "opening the queue in NATS: %w", err).WithHint("JetStream must be enabled")
	}
	return q, nil
}

func (q *natsQueue) Close() error {
	q.conn.Close()
	q.stop()
	return nil
}

func (q *natsQueue) subject(kind, token string) string {
	return "cineloop." + q.opts.Topic + "." + kind + "." + token
}

// token is a key as part of a subject, which takes no dots or spaces.
func token(key string) string {
	d := sha256.Sum256([]byte(key))
	return hex.EncodeToString(d[:])
}

// exists says that an error means that the subject has a message.
func exists(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == 10077)
}

func (q *natsQueue) publish(ctx context.Context, kind string, t Task, header nats.Header) (added bool, err error) {
	if header == nil {
		header = nats.Header{}
	}
	header.Set(headerKey, hex.EncodeToString([]byte(t.Key))) // headers take no line ends
	_, err = q.js.PublishMsg(ctx, &nats.Msg{Subject: q.subject(kind, token(t.Key)), Data: t.Payload, Header: header},
		jetstream.WithExpectLastSequencePerSubject(0))
	if exists(err) {
		return false, nil
	}
	return err == nil, err
}

func (q *natsQueue) Push(ctx context.Context, tasks ...Task) (added int, err error) {
	for _, t := range tasks {
		ok, err := q.publish(ctx, "task", t, nil)
		if err != nil {
			return added, fmt.Errorf("pushing a task: %w", err)
		}
		if ok {
			added++
		}
	}
	return added, nil
}

func keyOf(h nats.Header) string {
	b, err := hex.DecodeString(h.Get(headerKey))
	if err != nil {
		return ""
	}
	return string(b)
}

func (q *natsQueue) Pull(ctx context.Context, n int) ([]Delivery, error) {
	started := time.Now()
	batch, err := q.consumer.FetchNoWait(n)
	if err != nil {
		return nil, fmt.Errorf("pulling tasks: %w", err)
	}
	var out []Delivery
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return out, fmt.Errorf("pulling tasks: %w", err)
		}
		d := Delivery{Task: Task{keyOf(m.Headers()), m.Data()}, Attempt: int(meta.NumDelivered), Deadline: started.Add(q.opts.Lease), handle: m}
		if d.Attempt > q.opts.Attempts {
			if err := q.bury(ctx, d, d.Attempt-1, reasonDied); err != nil {
				return out, err
			}
			continue
		}
		out = append(out, d)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, jetstream.ErrNoMessages) {
		return out, fmt.Errorf("pulling tasks: %w", err)
	}
	return out, nil
}

// held gives the message of a delivery whose lease has not ended. The server would take the word of the first worker too, until the
// second has answered.
func held(d Delivery) (jetstream.Msg, error) {
	m, ok := d.handle.(jetstream.Msg)
	if !ok || !time.Now().Before(d.Deadline) {
		return nil, ErrLeaseLost
	}
	return m, nil
}

func (q *natsQueue) Extend(_ context.Context, d *Delivery) error {
	m, err := held(*d)
	if err != nil {
		return err
	}
	started := time.Now()
	if err := m.InProgress(); err != nil {
		return fmt.Errorf("extending a lease: %w", err)
	}
	d.Deadline = started.Add(q.opts.Lease)
	return nil
}

func (q *natsQueue) Done(ctx context.Context, d Delivery) error {
	m, err := held(d)
	if err != nil {
		return err
	}
	if err := m.DoubleAck(ctx); err != nil {
		return fmt.Errorf("finishing a task: %w", err)
	}
	return nil
}

func (q *natsQueue) Retry(ctx context.Context, d Delivery, reason string) error {
	m, err := held(d)
	if err != nil {
		return err
	}
	if d.Attempt >= q.opts.Attempts {
		return q.bury(ctx, d, d.Attempt, reason)
	}
	if err := m.NakWithDelay(q.opts.pause(d.Attempt)); err != nil {
		return fmt.Errorf("giving a task back: %w", err)
	}
	return q.conn.FlushTimeout(10 * time.Second) // the word must be with the server before the lease is over
}

func (q *natsQueue) Kill(ctx context.Context, d Delivery, reason string) error {
	if _, err := held(d); err != nil {
		return err
	}
	return q.bury(ctx, d, d.Attempt, reason)
}

// bury writes the dead letter first: a crash in between makes the task come once more and be buried again.
func (q *natsQueue) bury(ctx context.Context, d Delivery, attempts int, reason string) error {
	header := nats.Header{}
	header.Set(headerReason, hex.EncodeToString([]byte(reason)))
	header.Set(headerAttempts, strconv.Itoa(attempts))
	if _, err := q.publish(ctx, "dead", d.Task, header); err != nil {
		return fmt.Errorf("giving a task up: %w", err)
	}
	if err := d.handle.(jetstream.Msg).DoubleAck(ctx); err != nil {
		return fmt.Errorf("giving a task up: %w", err)
	}
	return nil
}

// letters gives the dead letters, unordered.
func (q *natsQueue) letters(ctx context.Context) (out []DeadTask, err error) {
	info, err := q.dead.Info(ctx)
	if err != nil {
		return nil, err
	}
	for seq := info.State.FirstSeq; seq > 0 && seq <= info.State.LastSeq; seq++ {
		m, err := q.dead.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		reason, err := hex.DecodeString(m.Header.Get(headerReason))
		if err != nil {
			return nil, err
		}
		attempts, err := strconv.Atoi(m.Header.Get(headerAttempts))
		if err != nil {
			return nil, err
		}
		out = append(out, DeadTask{Task{keyOf(m.Header), m.Data}, attempts, string(reason)})
	}
	return out, nil
}

func (q *natsQueue) Dead(ctx context.Context) ([]DeadTask, error) {
	out, err := q.letters(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	slices.SortFunc(out, func(a, b DeadTask) int { return cmp.Compare(a.Key, b.Key) })
	return out, nil
}

func (q *natsQueue) Revive(ctx context.Context, key string) error {
	m, err := q.dead.GetLastMsgForSubject(ctx, q.subject("dead", token(key)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fault.New(fault.NotFound, "no dead letter has this key")
	}
	// The letter goes last: a crash before leaves it, and Revive can be repeated.
	if err == nil {
		err = q.tasks.Purge(ctx, jetstream.WithPurgeSubject(q.subject("task", token(key))))
	}
	if err == nil {
		_, err = q.publish(ctx, "task", Task{key, m.Data}, nil)
	}
	if err == nil {
		err = q.dead.DeleteMsg(ctx, m.Sequence)
	}
	if err != nil {
		return fmt.Errorf("reviving a task: %w", err)
	}
	return nil
}

// Forget looks at the tasks below the server's acknowledgement floor: all of them are done or dead. Time is when they were pushed.
func (q *natsQueue) Forget(ctx context.Context, before time.Time) (n int, err error) {
	wrap := func(err error) (int, error) { return n, fmt.Errorf("forgetting tasks: %w", err) }
	info, err := q.consumer.Info(ctx)
	if err != nil {
		return wrap(err)
	}
	letters, err := q.letters(ctx)
	if err != nil {
		return wrap(err)
	}
	dead := map[string]bool{}
	for _, d := range letters {
		dead[d.Key] = true
	}
	stream, err := q.tasks.Info(ctx)
	if err != nil {
		return wrap(err)
	}
	for seq := max(stream.State.FirstSeq, 1); seq <= info.AckFloor.Stream; seq++ {
		m, err := q.tasks.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return wrap(err)
		}
		if dead[keyOf(m.Header)] || !m.Time.Before(before) {
			continue
		}
		if err := q.tasks.DeleteMsg(ctx, seq); err != nil {
			return wrap(err)
		}
		n++
	}
	return n, nil
}

func (q *natsQueue) Stats(ctx context.Context) (Stats, error) {
	c, err := q.consumer.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("counting tasks: %w", err)
	}
	t, err := q.tasks.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("counting tasks: %w", err)
	}
	d, err := q.dead.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("counting tasks: %w", err)
	}
	s := Stats{Ready: int(c.NumPending), Pending: c.NumAckPending, Dead: int(d.State.Msgs)}
	s.Done = max(0, int(t.State.Msgs)-s.Ready-s.Pending-s.Dead)
	return s, nil
}
