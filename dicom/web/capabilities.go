package web

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/dicom/pixel"
)

const typeWADL = "application/vnd.sun.wadl+xml"

// capabilities says what the service can do (PS3.18 section 8.9): a WADL document, or JSON.
func (s *Server) capabilities(w http.ResponseWriter, r *http.Request) error {
	kind, _, err := choose(acceptsOf(r), typeWADL, "application/xml", "application/json")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	if kind == "application/json" {
		return json.NewEncoder(w).Encode(s.capabilityJSON())
	}
	_, err = w.Write([]byte(s.wadl(s.base(r))))
	return err
}

func (s *Server) capabilityJSON() any {
	type resource struct {
		Method string   `json:"method"`
		Path   string   `json:"path"`
		Does   string   `json:"does"`
		Gives  []string `json:"gives"`
	}
	var out struct {
		Standard  string     `json:"standard"`
		Resources []resource `json:"resources"`
		Encodes   []string   `json:"transferSyntaxesEncoded"`
		MaxResult int        `json:"maxResults"`
	}
	out.Standard = "DICOM PS3.18"
	for _, rt := range s.routes {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		out.Resources = append(out.Resources, resource{method, strings.TrimPrefix(path, s.opts.Prefix), rt.about, given[rt.about]})
	}
	for _, ts := range pixel.Encoders {
		if pixel.CanEncode(ts) == nil {
			out.Encodes = append(out.Encodes, string(ts))
		}
	}
	out.MaxResult = s.opts.MaxResults
	return out
}

// given are the media types of a resource's answers.
var given = map[string][]string{
	"search": {typeJSON}, "retrieve": {typeRelated, typeDICOM}, "retrieve metadata": {typeJSON}, "retrieve rendered": {typeJPEG, typePNG, typeGIF},
	"retrieve rendered frames": {typeJPEG, typePNG}, "retrieve thumbnail": {typeJPEG, typePNG}, "retrieve frames": {typeRelated, typeBytes, "image/*", "video/*"},
	"retrieve bulk data": {typeRelated, typeBytes}, "WADO-URI": {typeDICOM, typeJPEG, typePNG}, "store": {typeJSON}, "capabilities": {typeWADL, "application/json"},
}

var placeholder = regexp.MustCompile(`\{(\w+)(\.\.\.)?\}`)

func (s *Server) wadl(base string) string {
	var b strings.Builder
	b.WriteString(xml.Header + `<application xmlns="http://wadl.dev.java.net/2009/02">` + "\n")
	fmt.Fprintf(&b, " <resources base=%q>\n", base+"/")
	for _, rt := range s.routes {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		path = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(path, s.opts.Prefix), "{$}"), "/")
		fmt.Fprintf(&b, "  <resource path=%q>\n", path)
		for _, p := range placeholder.FindAllStringSubmatch(path, -1) {
			fmt.Fprintf(&b, "   <param name=%q style=\"template\"/>\n", p[1])
		}
		fmt.Fprintf(&b, "   <method name=%q>\n    <doc>%s</doc>\n", method, rt.about)
		if rt.Writes {
			for _, t := range []string{typeDICOM, typeJSON} {
				fmt.Fprintf(&b, "    <request><representation mediaType='multipart/related; type=%q'/></request>\n", t)
			}
		}
		b.WriteString("    <response>\n")
		for _, t := range given[rt.about] {
			fmt.Fprintf(&b, "     <representation mediaType=%q/>\n", t)
		}
		b.WriteString("    </response>\n   </method>\n  </resource>\n")
	}
	b.WriteString(" </resources>\n</application>\n")
	return b.String()
}
