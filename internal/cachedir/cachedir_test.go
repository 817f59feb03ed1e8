package cachedir

import (
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

func TestDir(t *testing.T) {
	home := t.TempDir()
	for _, c := range []struct{ own, xdg, home, want string }{
		{"/srv/cache", home, home, "/srv/cache"},
		{"", home, "/nowhere", filepath.Join(home, "cineloop")},
		{"", "", home, filepath.Join(home, ".cache", "cineloop")},
	} {
		t.Setenv("CINELOOP_CACHE", c.own)
		t.Setenv("XDG_CACHE_HOME", c.xdg)
		t.Setenv("HOME", c.home)
		if got, err := Dir(); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	if _, err := Dir(); fault.CodeOf(err) != fault.Missing {
		t.Errorf("without any of them: %v", err)
	}
}
