package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type options struct {
	rounds, threads int
	plain           bool
}

// process is a worker that takes steps on request.
type process struct {
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	version string
	wall    []float64
	cpu     []float64
	losses  []float64
}

// compare runs all workers in turns and prints the table.
func compare(o options, out, messages io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var workers []*process
	defer func() {
		for _, p := range workers {
			p.in.Close()
			_ = p.cmd.Wait()
		}
	}()
	add := func(name string, environment []string, command ...string) error {
		p, err := start(name, environment, command...)
		if err == nil {
			workers = append(workers, p)
			fmt.Fprintf(messages, "%s: %s\n", name, p.version)
		}
		return err
	}
	threads := strconv.Itoa(o.threads)
	for _, precision := range []string{"fp32", "bf16"} {
		if err := add(precision, nil, self, "-worker", precision, "-threads", threads); err != nil {
			return err
		}
	}
	if python := findPython(); python != "" {
		environment := []string{"OMP_WAIT_POLICY=passive", "OPENBLAS_NUM_THREADS=" + threads}
		if o.plain {
			environment = nil
		}
		if err := add("python", environment, python, peerScript(), threads); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(messages, "no Python with torchvision here (set CINELOOP_PYTHON): ours is printed alone")
	}
	for round := range o.rounds + 1 { // the first fills caches and is not counted
		for i := range workers {
			p := workers[(i+round)%len(workers)]
			if err := p.step(round > 0); err != nil {
				return err
			}
		}
		fmt.Fprintf(messages, "round %d of %d%s\n", round, o.rounds, lastTimes(workers))
	}
	return report(workers, out, messages)
}

func lastTimes(workers []*process) string {
	var b strings.Builder
	for _, p := range workers {
		if n := len(p.wall); n > 0 {
			fmt.Fprintf(&b, "  %s %.2f s", p.name, p.wall[n-1])
		}
	}
	return b.String()
}

func report(workers []*process, out, messages io.Writer) error {
	rss := map[string]float64{}
	byName := map[string]*process{}
	for _, p := range workers {
		kib, err := p.ask("rss")
		if err != nil {
			return err
		}
		byName[p.name] = p
		if rss[p.name], err = strconv.ParseFloat(kib, 64); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(messages, "%s: wall min %.2f median %.2f s, CPU median %.2f s, loss %.4f to %.4f\n", p.name, slices.Min(p.wall), median(p.wall),
			median(p.cpu), p.losses[0], p.losses[len(p.losses)-1])
	}
	var peerTime, peerCPU, peerRSS float64
	if p := byName["python"]; p != nil {
		peerTime, peerCPU, peerRSS = median(p.wall), median(p.cpu), rss["python"]/1024
	}
	printRows(out, []row{
		{"r3d_18 training step, fp32", median(byName["fp32"].wall), peerTime, 1.00, "s"},
		{"r3d_18 training step, bf16 against fp32", median(byName["bf16"].wall), peerTime, 0.60, "s"},
		{"r3d_18 training step, fp32, processor time", median(byName["fp32"].cpu), peerCPU, 0, "s"},
		{"r3d_18 training, peak memory, fp32", rss["fp32"] / 1024, peerRSS, 1.00, "MiB"},
		{"r3d_18 training, peak memory, bf16", rss["bf16"] / 1024, peerRSS, 1.00, "MiB"},
	})
	return nil
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

func start(name string, environment []string, command ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(command[0], command[1:]...)}
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	line, err := p.line()
	p.version = strings.TrimPrefix(line, "ready ")
	return p, err
}

func (p *process) line() (string, error) {
	if p.out.Scan() {
		return p.out.Text(), nil
	}
	return "", fmt.Errorf("%s stopped: %w", p.name, errors.Join(p.out.Err(), p.cmd.Wait()))
}

func (p *process) ask(question string) (string, error) {
	if _, err := fmt.Fprintln(p.in, question); err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	return p.line()
}

func (p *process) step(count bool) error {
	answer, err := p.ask("step")
	if err != nil {
		return err
	}
	var wall, cpu, loss float64
	if _, err := fmt.Sscan(answer, &wall, &cpu, &loss); err != nil {
		return fmt.Errorf("%s answered %q: %w", p.name, answer, err)
	}
	if count {
		p.wall, p.cpu, p.losses = append(p.wall, wall), append(p.cpu, cpu), append(p.losses, loss)
	}
	return nil
}

func findPython() string {
	for _, python := range []string{os.Getenv("CINELOOP_PYTHON"), "/usr/bin/python3", "python3"} {
		if python != "" && exec.Command(python, "-c", "import torchvision").Run() == nil {
			return python
		}
	}
	return ""
}

// peerScript lies in the repository, of which the working directory is a part.
func peerScript() string {
	dir, err := os.Getwd()
	for err == nil {
		script := filepath.Join(dir, "bench/peers/torch_step.py")
		if _, statErr := os.Stat(script); statErr == nil || dir == filepath.Dir(dir) {
			return script
		}
		dir = filepath.Dir(dir)
	}
	return "bench/peers/torch_step.py"
}
