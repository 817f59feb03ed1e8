// Command doubt asks on video whether a network knows what it has not seen, and when it is wrong. Two studies:
//
//	phantom   simulated echo loops. A network learns which of three apical views a loop shows, the
//	          ejection fraction, and whether that is below 50 %. It is then
//	          shown views that it never saw, a device that it never saw (coarser speckle, other grey levels), and corrupted clips
//	          (noise, a frozen or blank stretch, a covered half). Out-of-distribution scores against the usual test clips; selective
//	          risk; coverage of conformal sets and intervals, also by subgroup.
//	lus       lung ultrasound from two sources, against clips of the other five.
//
// One command does both; trainings and results are kept in -out and a repeated command goes on:
//
//	go run ./bench/doubt -out doubt
//
// It writes phantom.json, lus.json and doubt.html there. The runs' own pages are in phantom/run and lus/run.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

func main() {
	var o options
	flag.StringVar(&o.out, "out", "doubt", "folder of clips, runs and results")
	flag.IntVar(&o.patients, "patients", 300, "simulated patients")
	flag.IntVar(&o.members, "members", 3, "networks of the ensemble")
	flag.IntVar(&o.epochs, "epochs", 10, "of each training")
	flag.StringVar(&o.only, "only", "", "phantom or lus")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := both(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/doubt:", err)
		os.Exit(1)
	}
}

type options struct {
	out, only                 string
	patients, members, epochs int
}

func both(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		do   func(context.Context, options, string) (*study, error)
	}{{"phantom", phantomStudy}, {"lus", lusStudy}} {
		path := filepath.Join(o.out, s.name+".json")
		if _, err := os.Stat(path); err == nil || o.only != "" && o.only != s.name {
			continue
		}
		dir := filepath.Join(o.out, s.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		found, err := s.do(ctx, o, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b, err := json.MarshalIndent(found, "", " ")
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(path, append(b, '\n')); err != nil {
			return err
		}
	}
	var all []study
	for _, name := range []string{"phantom", "lus"} {
		var s study
		b, err := os.ReadFile(filepath.Join(o.out, name+".json"))
		if err != nil {
			continue
		}
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		all = append(all, s)
		s.print(os.Stdout)
	}
	return writePage(filepath.Join(o.out, "doubt.html"), all)
}
