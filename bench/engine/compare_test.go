package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median of %v is %g, want %g", c.in, got, c.want)
		}
	}
}

func TestRows(t *testing.T) {
	var out bytes.Buffer
	printRows(&out, []row{{"step", 3, 4, 1, "s"}, {"alone", 3, 0, 0, "s"}})
	want := "name | ours | peer | ratio | limit\nstep (s) | 3.00 | 4.00 | 0.750 | <= 1.00\nalone (s) | 3.00 | - | - | -\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// A worker by shell: the first step is not counted, and one that stops is an error that names it.
func TestProcess(t *testing.T) {
	p, err := start("toy", []string{"SECONDS_EACH=2.5"}, "sh", "-c", `echo ready 9.9; while read -r q; do if [ "$q" = rss ]; then echo 2048; exit 3; fi; echo $SECONDS_EACH 1.5 0.25; done`)
	if err != nil || p.version != "9.9" {
		t.Fatalf("version %q, %v", p.version, err)
	}
	for _, count := range []bool{false, true, true} {
		if err := p.step(count); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.wall) != 2 || p.wall[0] != 2.5 || p.cpu[1] != 1.5 || p.losses[1] != 0.25 {
		t.Errorf("wall %v, CPU %v, losses %v", p.wall, p.cpu, p.losses)
	}
	if kib, err := p.ask("rss"); err != nil || kib != "2048" {
		t.Errorf("peak %q, %v", kib, err)
	}
	if _, err := p.line(); err == nil || !strings.Contains(err.Error(), "toy stopped") {
		t.Errorf("a worker that ended: %v", err)
	}
	if _, err := start("none", nil, "/nonexistent"); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestPeersAreThere(t *testing.T) {
	if script := peerScript(); !strings.HasSuffix(script, "bench/peers/torch_step.py") || !strings.HasPrefix(script, "/") {
		t.Errorf("the peer's script is looked for at %s", script)
	}
}
