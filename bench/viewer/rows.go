package main

import (
	"fmt"
	"slices"
)

type played struct {
	Shown, Dropped, Beats int
	Seconds               float64
}

func (p played) dropped() float64 {
	return 100 * float64(p.Dropped) / float64(max(1, p.Shown+p.Dropped))
}
func (p played) rate() float64 { return float64(p.Shown) / p.Seconds }

type scrolled struct {
	Shown, Beats   int
	Seconds, Worst float64
}

func (s scrolled) rate() float64 { return float64(s.Shown) / s.Seconds }

// paint is how fast one way of showing pictures is, by runs.
type paint struct {
	First  []struct{ Navigation, Next, Viewport float64 }
	Play   []played
	Scroll []scrolled
}

// results are what the driver measured.
type results struct {
	paint
	App       []*float64 // null: no picture
	Free      []scrolled
	Windowing []played // beats only
	Loaded    []float64
	Memory    struct {
		Used, Limit, Peak     float64
		Before, Middle, After float64
	}
	Peers map[string]paint // cpu, webgl; none where the peer is not installed
	Exact map[string]int   // pixels that differ
}

func each[T any](list []T, f func(T) float64) (out []float64) {
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// columns are the numbers that both have.
var columns = []struct {
	name, limit string
	high        bool
	of          func(paint) []float64
}{
	{"640x480x60 RGB, navigation to the case until its first frame is on the screen, ms", "250", false, func(p paint) []float64 {
		return each(p.First, func(x struct{ Navigation, Next, Viewport float64 }) float64 { return x.Next })
	}},
	{"640x480x60 RGB played for 10 s, dropped, %", "2", false, func(p paint) []float64 { return each(p.Play, played.dropped) }},
	{"640x480x60 RGB played for 10 s, frames/s", "30", true, func(p paint) []float64 { return each(p.Play, played.rate) }},
	{"512x512x200 of 16 bits scrolled at the screen's 60 pictures a second, slices/s", "60", true, func(p paint) []float64 { return each(p.Scroll, scrolled.rate) }},
}

func (r results) print() {
	fmt.Println("name | ours | peer | ratio | limit")
	for _, c := range columns {
		ours := sorted(c.of(r.paint), c.high)
		way, peer := "", []float64(nil)
		for name, p := range r.Peers {
			if v := sorted(c.of(p), c.high); len(v) > 0 && (peer == nil || (middle(v) > middle(peer)) == c.high && middle(v) != middle(peer)) {
				way, peer = ", peer by "+name, v
			}
		}
		line("viewer: "+c.name+", best"+way, ours[0], first(peer), c.limit)
		line("viewer: "+c.name+", median"+way, middle(ours), middle(peer), c.limit)
	}
	own := func(name, limit string, high bool, v []float64) {
		v = sorted(v, high)
		line("viewer: "+name+", best", v[0], 0, limit)
		line("viewer: "+name+", median", middle(v), 0, limit)
	}
	var app []float64
	for _, v := range r.App {
		if v != nil {
			app = append(app, *v)
		}
	}
	if len(app) == len(r.App) {
		own("640x480x60 RGB in the app itself, navigation to the case until its first frame is on the screen, ms", "250", false, app)
	} else {
		fmt.Printf("viewer: 640x480x60 RGB in the app itself: no picture in %d of %d runs | | | | 250\n", len(r.App)-len(app), len(r.App))
	}
	own("640x480x60 RGB, viewport made until its first frame is painted, ms", "250", false, each(r.First, func(x struct{ Navigation, Next, Viewport float64 }) float64 { return x.Viewport }))
	own("512x512x200 of 16 bits scrolled without the screen's limit, slices/s", "60", true, each(r.Free, scrolled.rate))
	own("512x512x200 of 16 bits scrolled, longest between two slices, ms", "", false, each(r.Scroll, func(s scrolled) float64 { return s.Worst }))
	own("512x512 of 16 bits, window changed by dragging, pictures/s", "60", true, each(r.Windowing, func(p played) float64 { return float64(p.Beats) / p.Seconds }))
	own("512x512x200 of 16 bits, navigation until all slices are here, ms", "", false, r.Loaded)
	m := r.Memory
	line("viewer: frames kept of a loop of 70 MiB, most, MiB", m.Peak/(1<<20), 0, fmt.Sprintf("%.0f", m.Limit/(1<<20)))
	fmt.Printf("viewer: the same played for 12 s, the page's process before, after 4 s, after 12 s, MiB | %.0f, %.0f, %.0f | | | \n", m.Before, m.Middle, m.After)
	fmt.Printf("viewer: pixels on the canvas at 1:1 that are not what package pixel renders, of 3 slices and 3 frames | %d | | | 0\n", r.Exact["stack"]+r.Exact["loop"])
}

func line(name string, ours, peer float64, limit string) {
	if peer == 0 {
		fmt.Printf("%s | %.1f | | | %s\n", name, ours, limit)
		return
	}
	fmt.Printf("%s | %.1f | %.1f | %.2f | %s\n", name, ours, peer, ours/peer, limit)
}

// sorted has the best first.
func sorted(v []float64, high bool) []float64 {
	s := slices.Sorted(slices.Values(v))
	if high {
		slices.Reverse(s)
	}
	return s
}

func first(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

func middle(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2] // of an even number the worse one
}
