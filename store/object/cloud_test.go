//go:build !nocloud

package object_test

import (
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store/object"
)

// TestS3 speaks S3's own protocol, over HTTP, to a stand-in.
func TestS3(t *testing.T) {
	storetest.Objects(t, func(t *testing.T, opts object.Options) *object.Store { return open(t, storetest.S3(t), opts) })
}

// TestPrefix: two stores in one bucket do not see each other.
func TestPrefix(t *testing.T) {
	location := storetest.S3(t)
	one, two := open(t, location+"&prefix=one/", object.Options{}), open(t, location+"&prefix=two/", object.Options{})
	if _, _, err := one.Put(ctx, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for info, err := range two.All(ctx) {
		t.Errorf("%v, %v", info, err)
	}
	if has, err := one.Has(ctx, object.Sum([]byte("x"))); !has || err != nil {
		t.Errorf("%v, %v", has, err)
	}
}
