package cohort

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// Expand replaces ${VAR} and ${VAR:-default} by the environment's values; an empty VAR counts as unset, as in a shell. A variable
// that is unset and has no default is an error of code usage.
func Expand(text string) (string, error) {
	var missing string
	out := variable.ReplaceAllStringFunc(text, func(m string) string {
		sub := variable.FindStringSubmatch(m)
		if v := os.Getenv(sub[1]); v != "" {
			return v
		}
		if sub[2] == "" && missing == "" {
			missing = sub[1]
		}
		return sub[3]
	})
	if missing != "" {
		return "", fault.New(fault.Usage, "%q needs the environment variable %s", text, missing).
			WithHint("set it, or write ${%s:-default}", missing)
	}
	return out, nil
}

// ResolvePath is [Expand] of path, made absolute. A relative path is looked for in the working directory, then in base (the recipe's
// folder), then in the folder above base, so that "../shared" in examples/x.yaml means the same from everywhere; the first that
// exists wins. Code notfound names all that were tried.
func ResolvePath(path, base string) (string, error) {
	p, err := Expand(path)
	if err != nil {
		return "", err
	}
	if filepath.IsAbs(p) {
		if _, err := os.Stat(p); err != nil {
			return "", fault.New(fault.NotFound, "%s is not there", p)
		}
		return filepath.Clean(p), nil
	}
	starts := []string{"."}
	if base != "" {
		starts = append(starts, base, filepath.Join(base, ".."))
	}
	var tried []string
	for _, s := range starts {
		abs, err := filepath.Abs(filepath.Join(s, p))
		if err != nil {
			return "", fault.New(fault.Input, "resolving %s: %w", p, err)
		}
		if _, err := os.Stat(abs); err == nil {
			return abs, nil
		}
		tried = append(tried, abs)
	}
	return "", fault.New(fault.NotFound, "%s is not there; looked for %s", p, strings.Join(tried, ", "))
}
