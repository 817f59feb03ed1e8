package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// watched runs cmd and tells the most memory it had at one time and, of that, the most that was its own and not the pages of files, in KiB. What wait4 says of
// a child counts the parent's memory at the fork, too.
func watched(cmd *exec.Cmd) (peak, own int64, output []byte, err error) {
	var text strings.Builder
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		return 0, 0, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	path := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			return peak, own, []byte(text.String()), err
		case <-tick.C:
		}
		status, _ := os.ReadFile(path)
		for line := range strings.Lines(string(status)) {
			var n int64
			if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &n); err == nil {
				peak = max(peak, n)
			}
			if _, err := fmt.Sscanf(line, "RssAnon: %d kB", &n); err == nil {
				own = max(own, n)
			}
		}
	}
}

// digester is the quickest program there is that prints the SHA-256 of files.
func digester() string {
	if _, err := exec.LookPath("openssl"); err == nil {
		return "openssl dgst -sha256"
	}
	return "sha256sum"
}

// twoDigests is the processor time of SHA-256 over every file in dir, twice, by crypto/sha256: what nobody who hashes input and output one after the other gets
// below, however the rest is done.
func twoDigests(dir string) (seconds float64, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return 0, err
		}
		start := processor()
		for range 2 {
			sha256.Sum256(b)
		}
		seconds += processor() - start
	}
	return seconds, nil
}

func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
