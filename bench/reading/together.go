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
		Kind    string
		Object  string
		Version int
	}
	Refused *struct{ Message string }
	Live    *struct {
		Who    string
		Object string
		Stroke struct{ Points [][2]float64 }
	}
}

// alive lets a client move through the frames and draw, as a hand does, until ctx ends; when notes when what was sent.
func alive(ctx context.Context, c *websocket.Conn, shared string, i int, when func(key string)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	points := [][2]float64{}
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if points = append(points, [2]float64{float64(n), float64(i)}); len(points) > 60 {
			points = points[1:]
		}
		says := []map[string]any{{"kind": "live", "data": map[string]any{"reading": shared, "image": 1, "frame": n % frames, "stroke": map[string]any{"radius": 8, "points": points}}}}
		if n%5 == 0 {
			says = append(says, map[string]any{"kind": "presence", "data": map[string]any{"reading": shared, "image": 1, "frame": n % frames}})
		}
		for _, v := range says {
			b, _ := json.Marshal(v)
			if v["kind"] == "live" {
				when(fmt.Sprint(n, i))
			}
			if err := c.Write(ctx, websocket.MessageText, b); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// runs counts the calls of together: each has answers of its own.
var runs int

// together lets every client change an answer of its own each times, each op after the receipt of the one before, and waits until all have
// seen all.
func together(ctx context.Context, url string, p *annotate.Project, shared string, names []string, each int, living bool) error {
	defer func() { runs++ }()
	var mu sync.Mutex
	sent := map[string]time.Time{} // by object and version
	type arrival struct {
		key string
		at  time.Time
	}
	arrivals := make([][]arrival, len(names))
	orders := make([][]string, len(names))
	drawn := map[string]time.Time{} // by number and client
	var shown []time.Duration
	all, ctx := errgroup.WithContext(ctx)
	hands, still := context.WithCancel(ctx)
	defer still()
	var drawing errgroup.Group
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
				if f.Live != nil {
					last := f.Live.Stroke.Points[len(f.Live.Stroke.Points)-1]
					mu.Lock()
					shown = append(shown, now.Sub(drawn[fmt.Sprint(int(last[0]), int(last[1]))]))
					mu.Unlock()
				}
				if f.Receipt != nil && f.Receipt.Kind == "answer.put" {
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
			object, version := fmt.Sprintf("%016x%016x", runs, i), 0
			if living {
				drawing.Go(func() error {
					return alive(hands, c, shared, i, func(key string) { mu.Lock(); drawn[key] = time.Now(); mu.Unlock() })
				})
			}
			var own []time.Duration
			for range each {
				op, _ := json.Marshal(map[string]any{"kind": "answer.put", "object": object, "base": version, "data": map[string]any{"reading": shared,
					"answer": map[string]any{"item": "note", "image": 1, "frame": i + runs*len(names), "text": "calcified leaflets, moderate"}}})
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
	err := all.Wait()
	still()
	if err := errors.Join(err, drawing.Wait()); err != nil {
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
	title := fmt.Sprintf("reading: %d clients x %d ops%s, %d events told in one order", len(names), each, title(living), len(latency))
	fmt.Printf("%s, op to event, median, ms | %.2f | | | \n", title, ms(at(latency, .5)))
	fmt.Printf("%s, op to event, p99, ms | %.2f | | | 25\n", title, ms(at(latency, .99)))
	fmt.Printf("%s, op to receipt, p99, ms | %.2f | | | 25\n", title, ms(at(acknowledged, .99)))
	if living && len(shown) == 0 {
		return errors.New("nothing of what was drawn was shown")
	}
	if living {
		fmt.Printf("%s, %d strokes shown, drawn to shown, median, ms | %.2f | | | \n", title, len(shown), ms(at(shown, .5)))
		fmt.Printf("%s, %d strokes shown, drawn to shown, p99, ms | %.2f | | | 25\n", title, len(shown), ms(at(shown, .99)))
	}
	fmt.Printf("%s, ops/s | %.0f | | | \n", title, float64(len(names)*each)/wall.Seconds())
	return nil
}

// title says that presence and live shapes were on.
func title(living bool) string {
	if living {
		return " with presence and live strokes"
	}
	return ""
}
