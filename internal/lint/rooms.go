package lint

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the module's path.
const Module = "github.com/cineloop/cineloop"

// Room is a folder of packages with one floor. A package may import rooms on lower floors; if Only is set, just those of them; and
// on its own floor the rooms of Beside. Never names what it must not import although the floors would allow it.
type Room struct {
	Path   string // relative to the module; "" is never used
	Floor  int
	Only   []string
	Beside []string
	Never  []string
}

// Rooms is the house, from the ground up. The longest matching Path decides.
var Rooms = []Room{
	{Path: "internal/fault", Floor: 0},
	{Path: "internal/atomicfile", Floor: 0, Beside: []string{"internal/fault"}},
	{Path: "internal/cachedir", Floor: 0, Beside: []string{"internal/fault"}},
	{Path: "internal/hold", Floor: 0},
	{Path: "internal/nearest", Floor: 0},
	{Path: "internal/strictyaml", Floor: 0, Beside: []string{"internal/fault", "internal/nearest"}},
	{Path: "internal/version", Floor: 0},
	{Path: "internal/progress", Floor: 0, Beside: []string{"internal/fault"}},
	{Path: "internal/access", Floor: 0, Beside: []string{"internal/fault", "internal/strictyaml", "internal/atomicfile"}},
	{Path: "internal/serve", Floor: 0, Beside: []string{"internal/fault", "internal/access", "internal/atomicfile", "internal/hold"}},
	{Path: "internal/browser", Floor: 0},
	{Path: "internal/judges", Floor: 0},
	{Path: "internal/signing", Floor: 0, Beside: []string{"internal/fault"}},
	{Path: "internal/testdata", Floor: 0},
	{Path: "internal/golden", Floor: 0},
	{Path: "internal/lint", Floor: 0},
	{Path: "stats", Floor: 0, Only: []string{}},

	{Path: "dicom", Floor: 1},
	{Path: "torch", Floor: 1},

	{Path: "clip", Floor: 2, Never: []string{"torch"}},
	{Path: "deid", Floor: 2, Only: []string{"dicom"}, Beside: []string{"clip"}},
	{Path: "store", Floor: 2, Only: []string{"dicom"}, Beside: []string{"internal/storetest", "internal/queuetest"}},
	{Path: "internal/storetest", Floor: 2, Beside: []string{"store"}},
	{Path: "internal/queuetest", Floor: 2, Beside: []string{"store"}},
	{Path: "nn", Floor: 2, Only: []string{"torch"}},

	{Path: "cohort", Floor: 3, Never: []string{"torch", "nn"}},
	{Path: "methods", Floor: 3},

	{Path: "evaluate", Floor: 4, Beside: []string{}},
	{Path: "bundle", Floor: 4, Beside: []string{"evaluate"}},
	{Path: "learn", Floor: 4, Beside: []string{"evaluate"}},

	{Path: "annotate", Floor: 5, Never: []string{"torch"}},
	{Path: "federated", Floor: 5},
	{Path: "clinic", Floor: 5, Never: []string{"learn"}},
	{Path: "report", Floor: 5, Never: []string{"torch", "learn"}, Beside: []string{"annotate"}},

	{Path: "run", Floor: 6},
	{Path: "web", Floor: 6},

	{Path: "cmd", Floor: 7},
	{Path: "bench", Floor: 7},
}

// outside says which rooms may import a package from outside the module; nothing else may. "" is everywhere.
var outside = []struct {
	prefix string
	rooms  []string
}{
	{"github.com/ebitengine/purego", []string{"torch"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
	{"github.com/spf13/pflag", []string{"cmd"}}, // cobra's flags
	{"github.com/rogpeppe/go-internal", []string{"cmd"}},
	{"github.com/schollz/progressbar", []string{"internal/progress"}},
	{"github.com/mattn/go-isatty", []string{"internal/progress"}},
	{"github.com/google/go-cmp", []string{""}},
	{"github.com/klauspost/compress", []string{"clip", "cohort", "dicom", "store"}},
	{"github.com/sbinet/npyio", []string{"clip"}},
	{"github.com/tetratelabs/wazero", []string{"dicom"}},
	{"go.yaml.in/yaml/v3", []string{"internal/strictyaml", "deid"}},
	{"gonum.org/v1/gonum", []string{"stats", "evaluate", "methods", "clip"}},
	{"google.golang.org/protobuf", []string{"learn", "nn"}},
	{"golang.org/x/", []string{""}},
	{"gocloud.dev", []string{"store"}},
	{"github.com/coder/websocket", []string{"web", "bench"}},
	{"github.com/coreos/go-oidc/v3", []string{"web"}},
	{"github.com/zitadel/oidc/v3", []string{"web"}}, // a provider for tests
	{"github.com/parquet-go/parquet-go", []string{"deid", "cohort"}},
	{"filippo.io/age", []string{"store", "deid", "cmd"}},
	{"modernc.org/sqlite", []string{"store"}},
	{"github.com/jackc/pgx/v5", []string{"store"}},
	{"github.com/pressly/goose/v3", []string{"store"}},
	{"github.com/nats-io", []string{"store"}},
}

// forbidden packages have a better way in this house.
var forbidden = map[string]string{
	"C":                     "no cgo: native libraries are loaded at run time (docs/decisions/0001)",
	"math/rand":             "use stats.Seed.Stream",
	"io/ioutil":             "use io and os",
	"log":                   "return errors and progress to the caller",
	"github.com/pkg/errors": "use fmt.Errorf and internal/fault",
}

// roomOf is the room that the package path (relative to the module) belongs to.
func roomOf(pkg string) (Room, bool) {
	var best Room
	found := false
	for _, r := range Rooms {
		if (pkg == r.Path || strings.HasPrefix(pkg, r.Path+"/")) && len(r.Path) >= len(best.Path) {
			best, found = r, true
		}
	}
	return best, found
}

// checkImport explains why pkg (relative to the module) may not import imp (a full path), or returns "". Tests may import
// any package on their own floor or below, and test helpers.
func checkImport(pkg, imp string, isTest bool) string {
	from, ok := roomOf(pkg)
	if !ok {
		return fmt.Sprintf("%s belongs to no room: add it to the table in internal/lint/rooms.go", pkg)
	}
	if why, bad := forbidden[imp]; bad {
		return why
	}
	rel, inside := strings.CutPrefix(imp, Module+"/")
	if !inside {
		return checkOutside(from, imp)
	}
	to, ok := roomOf(rel)
	if !ok {
		return fmt.Sprintf("%s belongs to no room", rel)
	}
	switch {
	case to.Path == from.Path:
		return ""
	case to.Path == "internal/testdata":
		if isTest {
			return ""
		}
		return "internal/testdata is for tests"
	case slices.Contains(from.Never, to.Path) && !isTest:
		return fmt.Sprintf("%s never imports %s", from.Path, to.Path)
	case to.Floor > from.Floor:
		return fmt.Sprintf("imports go down: %s is on floor %d, %s on floor %d", from.Path, from.Floor, to.Path, to.Floor)
	case to.Floor == from.Floor:
		if slices.Contains(from.Beside, to.Path) {
			return ""
		}
		return fmt.Sprintf("%s and %s are on the same floor and the table does not join them", from.Path, to.Path)
	case from.Only != nil && to.Floor > 0 && !slices.Contains(from.Only, to.Path) && !isTest:
		return fmt.Sprintf("%s may import %v only", from.Path, from.Only)
	case from.Path == "stats" && to.Path != "stats":
		return "stats imports the standard library and gonum only"
	}
	return ""
}

func checkOutside(from Room, imp string) string {
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return "" // standard library
	}
	for _, o := range outside {
		if imp == o.prefix || strings.HasPrefix(imp, strings.TrimSuffix(o.prefix, "/")+"/") {
			for _, r := range o.rooms {
				if r == "" || from.Path == r || strings.HasPrefix(from.Path, r+"/") {
					return ""
				}
			}
			return fmt.Sprintf("%s is for %v", o.prefix, o.rooms)
		}
	}
	return fmt.Sprintf("%s is not among the libraries that the table names", imp)
}
