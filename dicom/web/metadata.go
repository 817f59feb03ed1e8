package web

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	maxInline       = 1024 // bytes of a binary value that metadata hold; longer ones get a BulkDataURI
	metadataWorkers = 8    // headers read at once: most of the time is waiting for the disk or the bucket
)

// metadata answers with the data sets of all instances, without bulk data.
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) error {
	at, err := resourceOf(r)
	if err != nil {
		return err
	}
	if _, _, err := choose(acceptsOf(r), typeJSON, "application/json"); err != nil {
		return err
	}
	var list []Instance
	h := sha256.New()
	for in, err := range s.backend.List(r.Context(), at) {
		if err != nil {
			return err
		}
		list = append(list, in)
		io.WriteString(h, in.Tag+"\n")
	}
	if len(list) == 0 {
		return errNothing
	}
	if notModified(w, r, "m"+hex.EncodeToString(h.Sum(nil)[:16])) {
		return nil
	}
	w.Header().Set("Content-Type", typeJSON)
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteByte('[')
	i := 0
	for b, err := range ordered(ctx, list, metadataWorkers, func(in Instance) ([]byte, error) { return s.describe(ctx, r, in) }) {
		if err != nil {
			return err
		}
		if i++; i > 1 {
			out.WriteByte(',')
		}
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return out.Flush()
}

// describe is one instance's metadata.
func (s *Server) describe(ctx context.Context, r *http.Request, in Instance) ([]byte, error) {
	f, err := s.fileOf(ctx, in)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ds := f.DataSet
	paths := map[int64]string{}
	bulkPaths(ds, "", paths)
	ds.SetString(tag.AvailableTransferSyntaxUID, string(in.Syntax))
	ds.SetString(tag.RetrieveURL, s.url(r, in.Resource))
	url := s.url(r, in.Resource) + "/bulkdata/"
	b, err := ds.JSON(maxInline, func(_ []tag.Tag, e *dicom.Element) string {
		p, ok := paths[e.Offset()]
		if !ok || e.Offset() < 0 {
			return ""
		}
		return url + p
	})
	return declaredSet.ReplaceAll(b, []byte(`"00080005":{"vr":"CS","Value":["ISO_IR 192"]}`)), err
}

// declaredSet is (0008,0005) as JSON writes it. JSON is UTF-8 whatever the file was in, and must say so.
var declaredSet = regexp.MustCompile(`"00080005":\{"vr":"CS"(,"Value":\[[^\]]*\])?\}`)

// bulkPaths names every value by where it is: tags, and the numbers of items from 0, as "00480106/1/00282000".
func bulkPaths(ds *dicom.DataSet, prefix string, into map[int64]string) {
	for e := range ds.All() {
		p := fmt.Sprintf("%s%08X", prefix, uint32(e.Tag))
		if e.IsSequence() {
			for i, item := range e.Items() {
				bulkPaths(item, fmt.Sprintf("%s/%d/", p, i), into)
			}
			continue
		}
		if e.Len() > maxInline || e.Fragments() != nil {
			into[e.Offset()] = p
		}
	}
}

// findBulk is the element at a path of bulkPaths.
func findBulk(ds *dicom.DataSet, path string) (*dicom.Element, error) {
	missing := fault.New(fault.NotFound, "the instance has no such bulk data")
	parts := strings.Split(path, "/")
	if len(parts)%2 == 0 || len(parts) > 2*maxAttributeDepth+1 {
		return nil, missing
	}
	for i := 0; ; i += 2 {
		a, err := ParseAttribute(parts[i])
		if err != nil || len(a) != 1 {
			return nil, missing
		}
		e, ok := ds.Get(a[0])
		if !ok {
			return nil, missing
		}
		if i == len(parts)-1 {
			if e.IsSequence() {
				return nil, missing
			}
			return e, nil
		}
		var n int
		if _, err := fmt.Sscanf(parts[i+1], "%d", &n); err != nil || n < 0 || n >= len(e.Items()) {
			return nil, missing
		}
		ds = e.Items()[n]
	}
}
