package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/fault"
)

// phantomCommand runs the command line in process.
func phantomCommand(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRootCmd(ioStreams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	root.SetArgs(append([]string{"phantom"}, args...))
	err = root.ExecuteContext(context.Background())
	return stdout.String(), err
}

func TestPhantomCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "study")
	args := []string{dir, "--patients", "3", "--seed", "9", "--views", "A4C,plax", "--frames", "8", "--height", "48", "--width", "48", "--json"}
	out, err := phantomCommand(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Cohort string
		Clips  int
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Clips != 6 {
		t.Fatalf("%s (%v)", out, err)
	}
	first, err := os.ReadFile(got.Cohort)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(first, []byte("\n")); n != 7 {
		t.Errorf("%d lines in the table", n)
	}
	// Repeated it changes nothing; with another seed it refuses.
	if _, err := phantomCommand(t, args...); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(got.Cohort); err != nil || !bytes.Equal(again, first) {
		t.Error("the table changed")
	}
	args[4] = "10"
	if _, err := phantomCommand(t, args...); fault.ExitStatus(err) != 7 {
		t.Errorf("another seed: %v", err)
	}
	masks, err := filepath.Glob(filepath.Join(dir, "masks", "*.npz"))
	if err != nil || len(masks) != 6 {
		t.Errorf("masks %v", masks)
	}
}

func TestPhantomFlags(t *testing.T) {
	opts := phantomOptions{Seed: 3, Views: []string{"all"}, Rho: []string{"0.4", "logo=0.9", "gain=0"}, NoMasks: true}
	cfg, err := opts.config()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Rho != 0.4 || cfg.Confounders[phantom.Logo] != 0.9 || cfg.Confounders[phantom.Gain] != 0 || len(cfg.Views) != len(phantom.Views) || cfg.Masks || cfg.Seed != 3 {
		t.Errorf("%+v", cfg)
	}
	dir := t.TempDir()
	for _, args := range [][]string{
		{dir, "--views", "A5C"}, {dir, "--rho", "much"}, {dir, "--rho", "colour=0.5"}, {dir, "--rho", "2"}, {dir, "--patients", "0"}, {dir, "--frames", "2"}, {dir, "--preset", "x"},
	} {
		if _, err := phantomCommand(t, args...); fault.ExitStatus(err) != 2 {
			t.Errorf("%v: exit status %d, %v", args[1:], fault.ExitStatus(err), err)
		}
	}
}
