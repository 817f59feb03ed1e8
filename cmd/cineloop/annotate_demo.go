package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
	"github.com/cineloop/cineloop/stats"
	readingweb "github.com/cineloop/cineloop/web/reading"
)

const demoProtocol = `version: 1
revision: 1
title: Simulated hearts, read twice
design: {kind: panel}
items:
  - {name: function, label: Left ventricular function, kind: ordinal, options: [{name: normal}, {name: mildly reduced}, {name: reduced}], positive: [reduced], required: true, confidence: true}
  - {name: lvef, label: Ejection fraction from traces, kind: ejection}
  - {name: diameter, label: Diameter at end of diastole, kind: measurement, shape: length}
`

// makeDemoStudy makes a study of simulated loops in dir, with two readers and a coordinator whose passwords it prints. A project that is there
// stays as it is.
func makeDemoStudy(ctx context.Context, dir string, io ioStreams) (err error) {
	if _, err := os.Stat(filepath.Join(dir, annotate.LogFile)); err == nil {
		return nil
	}
	cfg := phantom.Config{Seed: 7, Patients: 4, Views: []phantom.View{phantom.A4C}, Frames: 32, Height: 240, Width: 320, Preset: phantom.EchoNet, Tissue: true}
	bar := progress.New(io.Err, "clips", int64(cfg.Patients))
	err = phantom.Write(ctx, filepath.Join(dir, "loops"), cfg, func(done, _ int) { bar.Set(int64(done)) })
	bar.Close()
	if err != nil {
		return err
	}
	loops, err := filepath.Glob(filepath.Join(dir, "loops", "dicom", "*.dcm"))
	if err != nil || len(loops) == 0 {
		return fault.New(fault.Internal, "the simulator wrote no loops")
	}
	// It becomes a project by its last step: one that was interrupted is made anew.
	made, err := os.MkdirTemp(dir, ".making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	p, err := annotate.Create(ctx, made, "Demonstration", stats.Seed(7), "eve")
	if err != nil {
		return err
	}
	type step struct {
		who  string
		kind annotate.Kind
		data any
	}
	steps := []step{
		{"eve", annotate.MemberAdded, map[string]any{"name": "cora", "roles": []policy.Role{policy.Coordinator}}},
		{"eve", annotate.MemberAdded, map[string]any{"name": "ann", "roles": []policy.Role{policy.Reader}}},
		{"eve", annotate.MemberAdded, map[string]any{"name": "bob", "roles": []policy.Role{policy.Reader}}},
		{"cora", annotate.ProtocolSet, map[string]any{"yaml": demoProtocol}},
	}
	for i, f := range loops {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		steps = append(steps, step{"cora", annotate.CaseAdded, map[string]any{"patient": fmt.Sprintf("simulated %d", i+1), "files": []string{abs}}})
	}
	steps = append(steps, step{"cora", annotate.Assigned, nil}, step{"cora", annotate.PhaseSet, map[string]any{"phase": annotate.InReading}})
	for _, s := range steps {
		op := annotate.Op{Kind: s.kind}
		if s.data != nil {
			if op.Data, err = json.Marshal(s.data); err != nil {
				return err
			}
		}
		if _, err := p.Do(ctx, s.who, op); err != nil {
			return fmt.Errorf("the demonstration: %w", err)
		}
	}
	if err := p.Close(); err != nil {
		return err
	}
	for _, name := range []string{"ann", "bob", "cora"} {
		password := rand.Text()
		if err := access.SetPassword(filepath.Join(dir, readingweb.UsersFile), name, password); err != nil {
			return err
		}
		fmt.Fprintf(io.Out, "%s logs in with %s\n", name, password)
	}
	return os.Rename(filepath.Join(made, annotate.LogFile), filepath.Join(dir, annotate.LogFile))
}
