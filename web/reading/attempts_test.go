package reading

import (
	"fmt"
	"testing"
	"time"
)

func TestWhomAnAddressBelongsTo(t *testing.T) {
	for in, want := range map[string]string{
		"10.1.2.3:5": "10.1.2.3", "[::ffff:10.1.2.3]:5": "10.1.2.3", "[2001:db8:1:2:aaaa::1]:5": "2001:db8:1:2::/64", "[2001:db8:1:2:bbbb::9]:7": "2001:db8:1:2::/64",
		"[2001:db8:1:3::1]:5": "2001:db8:1:3::/64", "[fe80::1%eth0]:5": "fe80::/64", "@": "@", "": "",
	} {
		if got := origin(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestAttemptsAreNotForgotten: many made-up names and addresses do not give an attacker new attempts at a known one.
func TestAttemptsAreNotForgotten(t *testing.T) {
	var a attempts
	now := time.Now()
	for range 20 {
		if _, ok := a.take(byName, "ann", now); !ok {
			t.Fatal("too early")
		}
	}
	for i := range 40_000 {
		a.take(byName, fmt.Sprint("made up ", i), now)
	}
	if _, ok := a.take(byName, "ann", now); ok {
		t.Error("forgotten")
	}
	if _, ok := a.take(byName, "ann", now.Add(15*time.Second)); !ok {
		t.Error("never again")
	}
	// What was right costs nothing.
	for range 50 {
		back, ok := a.take(byAddress, "10.0.0.1", now)
		if !ok {
			t.Fatal("it was counted")
		}
		back()
	}
}
