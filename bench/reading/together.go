package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/annotate"
)

// event is what a client keeps of one.
type event struct {
	N       int64
	Op      string
	Kind    string
	Object  string
	Version int
}

type frame struct {
	Events  []event
	Receipt *struct {
		Object  string
		Version int
	}
	Refused *struct{ Message string }
}

// together lets every client change an answer of its own each times, each op after the receipt of the one before, and waits until all have
// seen all.
func together(ctx context.Context, url string, p *annotate.Project, shared string, names []string, each int) error {
	var mu sync.Mutex
	sent := map[string]time.Time{} // by object and version
	type arrival struct {
		key string
		at  time.Time
	}
	arrivals := make([][]arrival, len(names))
	orders := make([][]string, len(names))
	all, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	var acknowledged []time.Duration
	var ready sync.WaitGroup
	ready.Add(len(names))
	for i, name := range names {
		_, last, err := p.Events(ctx, name, 0, false)
		if err != nil {
			return err
		}
		cookie, err := login(url, name)
		if err != nil {
			return err
		}
		c, _, err := websocket.Dial(ctx, fmt.Sprintf("%s/api/events?after=%d", strings.Replace(url, "http", "ws", 1), last), &websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {cookie}}})
		if err != nil {
			return err
		}
		defer c.CloseNow()
		c.SetReadLimit(64 << 20)
		receipts := make(chan frame, 1)
		all.Go(func() error { // what comes
			for n, told := 0, 0; n < len(names)*each || told < each; { // an event may come before its receipt
				_, b, err := c.Read(ctx)
				if err != nil {
					return err
				}
				now := time.Now()
				var f frame
				if err := json.Unmarshal(b, &f); err != nil {
					return err
				}
				if f.Refused != nil {
					return errors.New(f.Refused.Message)
				}
				if f.Receipt != nil {
					told++
					receipts <- f
				}
				for _, e := range f.Events {
					key := fmt.Sprint(e.Object, e.Version)
					arrivals[i] = append(arrivals[i], arrival{key, now})
					orders[i] = append(orders[i], key)
					n++
				}
			}
			return nil
		})
		all.Go(func() error { // what is sent
			ready.Done()
			ready.Wait()
			object, version := fmt.Sprintf("%016x%016x", each, i), 0
			var own []time.Duration
			for range each {
				op, _ := json.Marshal(map[string]any{"kind": "answer.put", "object": object, "base": version, "data": map[string]any{"reading": shared,
					"answer": map[string]any{"item": "note", "image": 1, "frame": i + min(1, each/251)*len(names), "text": "calcified leaflets, moderate"}}})
				start := time.Now()
				mu.Lock()
				sent[fmt.Sprint(object, version+1)] = start
				mu.Unlock()
				if err := c.Write(ctx, websocket.MessageText, op); err != nil {
					return err
				}
				select {
				case f := <-receipts:
					version = f.Receipt.Version
				case <-ctx.Done():
					return ctx.Err()
				}
				own = append(own, time.Since(start))
			}
			mu.Lock()
			acknowledged = append(acknowledged, own...)
			mu.Unlock()
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	wall := time.Since(began)
	var latency []time.Duration
	for i := range names {
		if !slices.Equal(orders[i], orders[0]) {
			return errors.New("two clients have the events in different orders")
		}
		for _, a := range arrivals[i] {
			latency = append(latency, a.at.Sub(sent[a.key]))
		}
	}
	title := fmt.Sprintf("reading: %d clients x %d ops, %d events told in one order", len(names), each, len(latency))
	fmt.Printf("%s, op to event, median, ms | %.2f | | | \n", title, ms(at(latency, .5)))
	fmt.Printf("%s, op to event, p99, ms | %.2f | | | 25\n", title, ms(at(latency, .99)))
	fmt.Printf("%s, op to receipt, p99, ms | %.2f | | | 25\n", title, ms(at(acknowledged, .99)))
	fmt.Printf("%s, ops/s | %.0f | | | \n", title, float64(len(names)*each)/wall.Seconds())
	return nil
}
