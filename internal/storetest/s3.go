package storetest

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// S3 starts a small stand-in for an S3 server, with as much of the protocol as an object store needs (PutObject, multipart uploads, GetObject
// with Range, HeadObject, DeleteObject, ListObjectsV2), and gives the URL of an empty bucket in it. It sets credentials in the environment.
func S3(t *testing.T) string { return S3Behind(t, func(h http.Handler) http.Handler { return h }) }

// S3Behind is S3 with something between it and its clients.
func S3Behind(t *testing.T, between func(http.Handler) http.Handler) string {
	t.Helper()
	location, env, stop := S3Server(between)
	t.Cleanup(stop)
	for k, v := range env {
		t.Setenv(k, v)
	}
	return location
}

// S3Server is S3Behind without a test: the caller sets the environment and stops it.
func S3Server(between func(http.Handler) http.Handler) (location string, env map[string]string, stop func()) {
	srv := httptest.NewServer(between(&s3{objects: map[string]s3Object{}, parts: map[string]map[int][]byte{}}))
	return "s3://bucket?region=us-east-1&use_path_style=true&disable_https=true&endpoint=" + srv.URL, map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
	}, srv.Close
}

type s3Object struct {
	data     []byte
	modified time.Time
}

type s3 struct {
	mu      sync.Mutex
	objects map[string]s3Object
	parts   map[string]map[int][]byte // of uploads that are not finished
}

func (s *s3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/bucket"), "/")
	switch {
	case key == "" && r.Method == http.MethodGet:
		s.list(w, r)
	case r.URL.Query().Has("uploads") || r.URL.Query().Has("uploadId"):
		s.multipart(w, r, key)
	case r.Method == http.MethodPut:
		if body, ok := s.body(w, r); ok {
			s.objects[key] = s3Object{body, time.Now()}
		}
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		o, ok := s.objects[key]
		if !ok {
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", `"`+sum(o.data)+`"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", o.modified, bytes.NewReader(o.data))
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func sum(b []byte) string { d := md5.Sum(b); return hex.EncodeToString(d[:]) }

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code></Error>`, code)
}

func (s *s3) multipart(w http.ResponseWriter, r *http.Request, key string) {
	id := r.URL.Query().Get("uploadId")
	switch {
	case r.Method == http.MethodPost && id == "":
		id = strconv.Itoa(len(s.parts) + 1)
		s.parts[id] = map[int][]byte{}
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, key, id)
	case s.parts[id] == nil:
		refuse(w, http.StatusNotFound, "NoSuchUpload")
	case r.Method == http.MethodPut:
		if body, ok := s.body(w, r); ok {
			n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
			s.parts[id][n] = body
		}
	case r.Method == http.MethodPost:
		var whole []byte
		for _, n := range slices.Sorted(maps.Keys(s.parts[id])) {
			whole = append(whole, s.parts[id][n]...)
		}
		s.objects[key] = s3Object{whole, time.Now()}
		s.parts[id] = nil
		fmt.Fprintf(w, `<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>%s</Key><ETag>"%s"</ETag></CompleteMultipartUploadResult>`, key, sum(whole))
	default:
		s.parts[id] = nil
		w.WriteHeader(http.StatusNoContent)
	}
}

// body reads what a PUT brings and answers with its ETag.
func (s *s3) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(r.Body)
	if err == nil && strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		body, err = unchunk(body)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return nil, false
	}
	if want := r.Header.Get("Content-Md5"); want != "" {
		if d := md5.Sum(body); want != base64.StdEncoding.EncodeToString(d[:]) {
			refuse(w, http.StatusBadRequest, "BadDigest")
			return nil, false
		}
	}
	w.Header().Set("ETag", `"`+sum(body)+`"`)
	return body, true
}

// unchunk undoes the aws-chunked encoding: "size[;signature]\r\ndata\r\n" until a chunk of no size, then trailers.
func unchunk(b []byte) (out []byte, err error) {
	for r := bufio.NewReader(bytes.NewReader(b)); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil || n == 0 {
			return out, err
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, err
		}
		out = append(out, chunk[:n]...)
	}
}

// list answers in pages of five, so that paging is used.
func (s *s3) list(w http.ResponseWriter, r *http.Request) {
	const page = 5
	type content struct {
		Key          string
		Size         int
		ETag         string
		LastModified string
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}
	after := r.URL.Query().Get("continuation-token")
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(key, r.URL.Query().Get("prefix")) || key <= after {
			continue
		}
		if len(out.Contents) == page {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[page-1].Key
			break
		}
		o := s.objects[key]
		out.Contents = append(out.Contents, content{key, len(o.data), `"` + sum(o.data) + `"`, o.modified.UTC().Format(time.RFC3339)})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}
