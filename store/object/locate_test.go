package object

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
)

func TestLocate(t *testing.T) {
	ctx := context.Background()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		location string
		opts     Options
		file     bool
	}{
		"a folder": {t.TempDir(), Options{}, true},
		"sealed":   {t.TempDir(), Options{Recipients: []age.Recipient{id.Recipient()}}, false},
		"a bucket": {"mem://", Options{}, false},
	} {
		s, err := Open(ctx, c.location, c.opts)
		if err != nil {
			t.Fatal(err)
		}
		info, _, err := s.Put(ctx, strings.NewReader("abc"))
		if err != nil {
			t.Fatal(err)
		}
		path, sealed, err := s.Locate(ctx, info.Digest)
		if err != nil || sealed != (name == "sealed") || (path != "") != c.file {
			t.Errorf("%s: %q, sealed %v, %v", name, path, sealed, err)
		}
		if c.file {
			if b, err := os.ReadFile(path); err != nil || string(b) != "abc" || !filepath.IsAbs(path) {
				t.Errorf("%s: %q, %v", name, b, err)
			}
		}
		if _, _, err := s.Locate(ctx, Sum([]byte("other"))); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%s: an absent object: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
