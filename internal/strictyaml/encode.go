package strictyaml

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// flowWidth is the most characters that a list of plain values takes on one line before it is written one value a line.
const flowWidth = 100

// Marshal writes v as YAML: fields in declaration order, map keys sorted, two spaces of indent, short lists of plain values on one
// line. Equal values give equal bytes.
func Marshal(v any) ([]byte, error) {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %T as YAML: %w", v, err)
	}
	flow(&n)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return nil, fmt.Errorf("encoding %T as YAML: %w", v, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("encoding %T as YAML: %w", v, err)
	}
	return b.Bytes(), nil
}

func flow(n *yaml.Node) {
	width, plain := 0, n.Kind == yaml.SequenceNode
	for _, c := range n.Content {
		plain = plain && c.Kind == yaml.ScalarNode
		width += len(c.Value) + 2
		flow(c)
	}
	if plain && width <= flowWidth {
		n.Style |= yaml.FlowStyle
	}
}
