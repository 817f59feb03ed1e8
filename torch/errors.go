package torch

import (
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Error is what libtorch refused.
type Error struct {
	Op      string // operator's schema name
	Args    string // the arguments, tensors as "float32[2, 3, 16, 112, 112]"
	Message string // libtorch's own words, without its C++ stack
	Memory  bool   // out of memory on the host or the device
}

func (e *Error) Error() string { return e.Op + "(" + e.Args + "): " + e.Message }

// Unwrap gives the error its code: Resource when out of memory, else Internal.
func (e *Error) Unwrap() error {
	if e.Memory {
		return fault.New(fault.Resource, "out of memory").WithHint("use a smaller batch, or accumulate gradients")
	}
	return fault.New(fault.Internal, "libtorch refused")
}

// describeArgs writes the arguments of a call that failed.
func (e *Engine) describeArgs(args []any) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = e.describe(a)
	}
	return strings.Join(parts, ", ")
}

func (e *Engine) describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case *Tensor:
		if v == nil {
			return "None"
		}
		if v.h == 0 || v.e != e {
			return "freed or foreign tensor"
		}
		if e.readMeta(v.h) != nil {
			return "tensor"
		}
		return e.meta.dtype().String() + shapeText(e.meta.shape())
	case []*Tensor:
		parts := make([]string, 0, 4)
		for i, t := range v {
			if i == 3 && len(v) > 4 {
				parts = append(parts, fmt.Sprintf("… %d in all", len(v)))
				break
			}
			parts = append(parts, e.describe(t))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	case []any:
		return "[" + e.describeArgs(v) + "]"
	case Tuple:
		return "(" + e.describeArgs(v) + ")"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, key := range sortedKeys(v) {
			parts = append(parts, fmt.Sprintf("%q: %s", key, e.describe(v[key])))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *Object:
		return "object"
	case *Generator:
		return "generator"
	case defaultValue:
		return "default"
	default:
		return fmt.Sprint(v)
	}
}

func shapeText(shape []int64) string {
	return strings.ReplaceAll(fmt.Sprint(shape), " ", ", ")
}
