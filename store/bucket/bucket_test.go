package bucket_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store/bucket"
)

func TestFilesInABucket(t *testing.T) {
	ctx := context.Background()
	place := storetest.S3(t)
	b, err := bucket.Open(ctx, place)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	big := filepath.Join(t.TempDir(), "big")
	content := storetest.Content(11 << 20) // in several parts
	if err := os.WriteFile(big, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(ctx, "a/Müller 1", big); err != nil {
		t.Fatal(err)
	}
	if err := b.Write(ctx, "a/b", []byte("small")); err != nil {
		t.Fatal(err)
	}
	if err := b.Write(ctx, "c", nil); err != nil {
		t.Fatal(err)
	}
	var names []string
	sizes := map[string]int64{}
	if err := b.List(ctx, "a/", func(name string, size int64) error {
		names, sizes[name] = append(names, name), size
		return nil
	}); err != nil || !slices.Equal(names, []string{"a/Müller 1", "a/b"}) || sizes["a/Müller 1"] != 11<<20 {
		t.Fatalf("%v %q %v", err, names, sizes)
	}
	back := filepath.Join(t.TempDir(), "back")
	if err := b.Fetch(ctx, "a/Müller 1", back); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%v: %d bytes", err, len(got))
	}
	if got, err := b.Read(ctx, "a/b"); err != nil || string(got) != "small" {
		t.Errorf("%v %q", err, got)
	}
	if n, err := b.Size(ctx, "a/b"); err != nil || n != 5 {
		t.Errorf("%v %d", err, n)
	}
	for what, err := range map[string]error{
		"fetch": b.Fetch(ctx, "nobody", filepath.Join(t.TempDir(), "x")), "read": func() error { _, err := b.Read(ctx, "nobody"); return err }(), "size": func() error { _, err := b.Size(ctx, "nobody"); return err }(),
	} {
		if fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%s of what is not there: %v", what, err)
		}
	}
}

func TestPlaces(t *testing.T) {
	for place, want := range map[string]bool{"s3://b/p": true, "gs://b": true, "azblob://c": true, "/data": false, "file:///x": false, "nats://x": false} {
		if bucket.Is(place) != want {
			t.Errorf("%s", place)
		}
	}
	if _, err := bucket.Open(context.Background(), "/data"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
}
