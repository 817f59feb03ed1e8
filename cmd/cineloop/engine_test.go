package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch/bridge"
)

func TestEnginePrintsWhatItFound(t *testing.T) {
	if _, _, err := bridge.Find(context.Background()); err != nil {
		t.Skipf("no engine here: %v", err)
	}
	var out, messages bytes.Buffer
	io := ioStreams{Out: &out, Err: &messages}
	if err := runEngine(context.Background(), engineOptions{Device: "cpu", Threads: 1}, io); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"libtorch", "bridge", "device       cpu", "threads      1", "OMP_WAIT_POLICY=", "oneDNN", "BLAS", "passed over"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := runEngine(context.Background(), engineOptions{JSON: true, Device: "cpu", Threads: 1}, io); err != nil {
		t.Fatal(err)
	}
	var report engineReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || report.Engine.Threads != 1 || report.Device != "cpu" || len(report.Candidates) < 3 {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestEngineRefusesAnUnknownDevice(t *testing.T) {
	if _, _, err := bridge.Find(context.Background()); err != nil {
		t.Skipf("no engine here: %v", err)
	}
	var out bytes.Buffer
	err := runEngine(context.Background(), engineOptions{JSON: true, Device: "tpu"}, ioStreams{Out: &out, Err: &out})
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(out.String(), `"error": "device \"tpu\"`) {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestCachedBridgeIsTakenSilently(t *testing.T) {
	in, _, err := bridge.Find(context.Background())
	if err != nil {
		t.Skipf("no engine here: %v", err)
	}
	path, err := bridge.Build(context.Background(), in, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	again, err := bridge.Build(context.Background(), in, &log)
	if err != nil || again != path || log.Len() != 0 || filepath.Ext(path) != ".so" {
		t.Errorf("%s, %v, log %q: a bridge in the cache must be taken silently", again, err, log.String())
	}
}
