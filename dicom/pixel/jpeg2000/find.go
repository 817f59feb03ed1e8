package jpeg2000

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/cachedir"
	"github.com/cineloop/cineloop/internal/fault"
)

//go:embed wasm/wrapper.c
var wrapper []byte

//go:embed wasm/build.sh
var buildScript []byte

// Candidate is a place where a module could be.
type Candidate struct {
	Origin string `json:"origin"` // "$CINELOOP_OPENJPEG", "cache", "shared"
	Path   string `json:"path"`
	Reason string `json:"reason,omitempty"` // why it was passed over; "" where it is there
}

// BuildHint names what to run where there is no module.
const BuildHint = "run: cineloop dicom codecs --build"

// moduleName is the file's name: another wrapper makes another module.
func moduleName() string {
	h := sha256.New()
	h.Write(wrapper)
	h.Write(buildScript)
	return "openjpeg-" + hex.EncodeToString(h.Sum(nil))[:16] + ".wasm"
}

// cachePath is where Build puts the module.
func cachePath() (string, error) {
	dir, err := cachedir.Dir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, moduleName()), nil
}

// Find returns the first module that is there and all places that were looked at. With none it returns a fault.Missing error.
func Find() (string, []Candidate, error) {
	var places []Candidate
	if own := os.Getenv("CINELOOP_OPENJPEG"); own != "" {
		places = append(places, Candidate{Origin: "$CINELOOP_OPENJPEG", Path: own})
	} else {
		if path, err := cachePath(); err == nil {
			places = append(places, Candidate{Origin: "cache", Path: path})
		}
		for _, dir := range []string{"/usr/local/share/cineloop", "/usr/share/cineloop"} {
			places = append(places, Candidate{Origin: "shared", Path: filepath.Join(dir, moduleName())})
		}
	}
	found := ""
	for i := range places {
		p := &places[i]
		switch info, err := os.Stat(p.Path); {
		case err != nil:
			p.Reason = "not there"
		case !info.Mode().IsRegular():
			p.Reason = "not a file"
		case found == "":
			found = p.Path
		}
	}
	if found == "" {
		return "", places, fault.New(fault.Missing, "the JPEG 2000 decoder has not been built on this machine").WithHint(BuildHint)
	}
	return found, places, nil
}

// Build compiles the module into the cache folder and returns its path. source is the folder of an unpacked OpenJPEG; "" fetches the
// distribution's source package. Progress goes to log. Missing tools are a fault.Missing error, and log says which.
func Build(ctx context.Context, source string, log io.Writer) (string, error) {
	path, err := cachePath()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "cineloop-openjpeg-")
	if err != nil {
		return "", fault.New(fault.Resource, "a folder for the build: %w", err)
	}
	defer os.RemoveAll(dir)
	for name, b := range map[string][]byte{"wrapper.c": wrapper, "build.sh": buildScript} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o700); err != nil {
			return "", fault.New(fault.Resource, "a folder for the build: %w", err)
		}
	}
	args := []string{filepath.Join(dir, "build.sh"), path}
	if source != "" {
		args = append(args, source)
	}
	var last tail
	cmd := exec.CommandContext(ctx, "bash", args...)
	both := io.MultiWriter(log, &last)
	cmd.Stdout, cmd.Stderr = both, both // one writer, so that only one goroutine writes
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	switch err := cmd.Run(); {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", fault.New(fault.Missing, "the JPEG 2000 decoder could not be built: %s", last.line())
	}
	return path, nil
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 4096 {
		t.b = t.b[len(t.b)-4096:]
	}
	return len(p), nil
}

// line is the last line.
func (t *tail) line() string {
	b := bytes.TrimSpace(t.b)
	return string(b[bytes.LastIndexByte(b, '\n')+1:])
}
