package torch

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// asGroup runs body in size processes, each this test binary with -test.run of the calling test, and gives what each printed. In a child it
// runs body and ends the process.
func asGroup(t *testing.T, size int, body func(*Engine, *Group) error) (outputs []string, errs []error) {
	t.Helper()
	if rank := os.Getenv("CINELOOP_TEST_RANK"); rank != "" {
		r, _ := strconv.Atoi(rank)
		port, _ := strconv.Atoi(os.Getenv("CINELOOP_TEST_PORT"))
		err := Run(context.Background(), Config{Device: "cpu", Threads: 1, Seed: 1, Groups: true, Log: os.Stderr}, func(e *Engine) error {
			g, err := e.Join(GroupConfig{Rank: r, Size: size, Host: "127.0.0.1", Port: port, Timeout: 60 * time.Second})
			if err != nil {
				return err
			}
			defer g.Leave()
			return body(e, g)
		})
		if fault.CodeOf(err) == fault.Missing && err != nil {
			fmt.Println("MISSING", err)
			os.Exit(0)
		}
		if err != nil {
			fmt.Println("ERROR", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	outputs, errs = make([]string, size), make([]error, size)
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for r := range size {
		wg.Go(func() {
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
			cmd.Env = append(os.Environ(), "CINELOOP_TEST_RANK="+strconv.Itoa(r), "CINELOOP_TEST_PORT="+strconv.Itoa(port))
			out, err := cmd.CombinedOutput()
			outputs[r], errs[r] = string(out), err
		})
	}
	wg.Wait()
	if strings.Contains(outputs[0], "MISSING") {
		t.Skip(outputs[0])
	}
	return outputs, errs
}

// TestGroup: sums, broadcasts, a sum that autograd passes through, and averaged gradients, by hand on three processes.
func TestGroup(t *testing.T) {
	outputs, errs := asGroup(t, 3, func(e *Engine, g *Group) error {
		r := float32(g.Rank + 1)
		x := e.FromFloat32([]float32{r, 10 * r}, 2)
		g.Sum(x)
		if got := x.Float32s(); !slices.Equal(got, []float32{6, 60}) {
			return fmt.Errorf("sum %v", got)
		}
		v := []float64{float64(r), 0.5}
		g.SumFloat64s(v)
		if !slices.Equal(v, []float64{6, 1.5}) {
			return fmt.Errorf("sum of numbers %v", v)
		}
		b := e.FromFloat32([]float32{r}, 1)
		g.Broadcast(1, b)
		if b.Float32s()[0] != 2 {
			return fmt.Errorf("broadcast %v", b.Float32s())
		}
		// L_r = (r+1)·(Σ x)²: dL/dx_r summed over processes = (1+2+3)·2·Σx = 12·6 = 72.
		y := e.FromFloat32([]float32{r}, 1).SetRequiresGrad(true)
		e.Backward(g.SumOver(y).Square().MulScalar(float64(r)).Sum())
		if got := y.Grad().Float32s()[0]; got != 72 {
			return fmt.Errorf("gradient through a sum %v", got)
		}
		// Two parameters in buckets of 4 bytes: mean over ranks of r·a and 2r is 2a and 4; accumulated twice, then averaged at once.
		a := e.FromFloat32([]float32{1, 2, 3}, 3).SetRequiresGrad(true)
		c := e.FromFloat32([]float32{5}, 1).SetRequiresGrad(true)
		av := g.NewAverager([]*Tensor{a, c}, 4)
		defer av.Free()
		if av.Buckets != 2 {
			return fmt.Errorf("%d buckets", av.Buckets)
		}
		loss := func() *Tensor {
			return a.Square().Sum().MulScalar(float64(r) / 2).Add(c.Sum().MulScalar(2 * float64(r)))
		}
		for round := range 2 {
			a.SetGrad(nil)
			c.SetGrad(nil)
			e.Backward(loss())
			if got := a.Grad().Float32s(); !slices.Equal(got, []float32{r, 2 * r, 3 * r}) {
				return fmt.Errorf("unarmed, round %d: %v", round, got)
			}
			av.Arm()
			e.Backward(loss())
			av.Finish()
			if ga, gc := a.Grad().Float32s(), c.Grad().Float32s(); !slices.Equal(ga, []float32{4, 8, 12}) || gc[0] != 8 {
				return fmt.Errorf("averaged, round %d: %v %v", round, ga, gc)
			}
		}
		// A parameter that takes no part is an error that says so, not a wait for ever.
		av.Arm()
		e.Backward(a.Sum())
		if err := e.Try(av.Finish); err == nil || !strings.Contains(err.Error(), "not complete") {
			return fmt.Errorf("an incomplete backward pass gave %v", err)
		}
		return nil
	})
	for r, err := range errs {
		if err != nil {
			t.Errorf("rank %d: %v\n%s", r, err, outputs[r])
		}
	}
}

// TestGroupMemberDies: the others learn of it in their next exchange.
func TestGroupMemberDies(t *testing.T) {
	outputs, errs := asGroup(t, 2, func(e *Engine, g *Group) error {
		g.SumFloat64s([]float64{1})
		if g.Rank == 1 {
			os.Exit(7)
		}
		err := e.Try(func() {
			for range 100 {
				g.SumFloat64s(make([]float64, 1000))
			}
		})
		if !GroupError(err) {
			return fmt.Errorf("not recognised: %v", err)
		}
		return nil
	})
	if errs[0] != nil || errs[1] == nil {
		t.Errorf("%v %v\n%s", errs[0], errs[1], outputs[0])
	}
}

func TestGroupRefusals(t *testing.T) {
	withEngine(t, func(e *Engine) {
		for _, cfg := range []GroupConfig{{Rank: 1, Size: 1, Port: 1}, {Rank: -1, Size: 1, Port: 1}, {Size: 0, Port: 1}, {Size: 1, Port: 70000}} {
			if _, err := e.Join(cfg); fault.CodeOf(err) != fault.Usage {
				t.Errorf("%+v: %v", cfg, err)
			}
		}
		if e.lib.installation.Joins {
			return
		}
		if _, err := e.Join(GroupConfig{Size: 1, Host: "127.0.0.1", Port: 1}); err == nil || !strings.Contains(err.Error(), "without c10d") {
			t.Errorf("a bridge without groups: %v", err)
		}
	})
	if GroupError(nil) || GroupError(fmt.Errorf("Connection closed")) {
		t.Error("any error is taken for a group's")
	}
}
