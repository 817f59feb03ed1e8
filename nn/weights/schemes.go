package weights

import (
	"regexp"
	"strconv"
	"strings"
)

// scheme renames a tensor of a file to the name that a network of this house gives it: torchvision's for pictures, the authors' or
// PyTorchVideo's for video.
type scheme struct {
	name   string
	rename func(string) string
}

// rules rename by the first pattern that matches; a name that none matches stays.
func rules(list ...string) func(string) string {
	type rule struct {
		from *regexp.Regexp
		to   string
	}
	var all []rule
	for i := 0; i < len(list); i += 2 {
		all = append(all, rule{regexp.MustCompile("^" + list[i] + "$"), list[i+1]})
	}
	return func(name string) string {
		for _, r := range all {
			if r.from.MatchString(name) {
				return r.from.ReplaceAllString(name, r.to)
			}
		}
		return name
	}
}

// schemes are tried in this order; the first of equals wins.
var schemes = []scheme{
	{"as it stands", func(name string) string { return name }},
	// timm's vision transformers and the original DeiT: blocks.0.attn.qkv is one matrix of query, key and value, as torch's in_proj.
	{"timm ViT", rules(
		`cls_token`, `class_token`,
		`pos_embed`, `encoder.pos_embedding`,
		`patch_embed\.proj\.(.*)`, `conv_proj.$1`,
		`blocks\.(\d+)\.norm([12])\.(.*)`, `encoder.layers.encoder_layer_$1.ln_$2.$3`,
		`blocks\.(\d+)\.attn\.qkv\.(.*)`, `encoder.layers.encoder_layer_$1.self_attention.in_proj_$2`,
		`blocks\.(\d+)\.attn\.proj\.(.*)`, `encoder.layers.encoder_layer_$1.self_attention.out_proj.$2`,
		`blocks\.(\d+)\.mlp\.fc1\.(.*)`, `encoder.layers.encoder_layer_$1.mlp.0.$2`,
		`blocks\.(\d+)\.mlp\.fc2\.(.*)`, `encoder.layers.encoder_layer_$1.mlp.3.$2`,
		`norm\.(.*)`, `encoder.ln.$1`,
		`head\.(.*)`, `heads.head.$1`,
	)},
	{"torchvision ViT before 0.13", rules(`(.*)\.mlp\.linear_1\.(.*)`, `$1.mlp.0.$2`, `(.*)\.mlp\.linear_2\.(.*)`, `$1.mlp.3.$2`)},
	{"timm ConvNeXt", convNeXt(
		`stem\.([01])\.(.*)`, `features.0.$1.$2`,
		`stages\.(\d+)\.blocks\.(\d+)\.(.*)`, `stages.$1.$2.$3`,
		`stages\.(\d+)\.downsample\.([01])\.(.*)`, `downsample_layers.$1.$2.$3`,
		`head\.norm\.(.*)`, `classifier.0.$1`,
		`head\.fc\.(.*)`, `classifier.2.$1`,
	)},
	// The authors' own (Liu et al. 2022).
	{"ConvNeXt", convNeXt(
		`downsample_layers\.0\.([01])\.(.*)`, `features.0.$1.$2`,
		`norm\.(.*)`, `classifier.0.$1`,
		`head\.(.*)`, `classifier.2.$1`,
	)},
	{"timm EfficientNet", efficientNet},
	{"2D ResNet to R3D", rules(
		`conv1\.(.*)`, `stem.0.$1`,
		`bn1\.(.*)`, `stem.1.$1`,
		`(layer\d\.\d+)\.conv([12])\.(.*)`, `$1.conv$2.0.$3`,
		`(layer\d\.\d+)\.bn([12])\.(.*)`, `$1.conv$2.1.$3`,
	)},
	{"2D ResNet to I3D-R50", resNetToI3D},
}

// convNeXt renames to the authors' middle form by the rules, then to torchvision's: stage k is features.(2k+1), the step to it features.2k.
func convNeXt(list ...string) func(string) string {
	middle := rules(list...)
	block := regexp.MustCompile(`^stages\.(\d+)\.(\d+)\.(.*)$`)
	down := regexp.MustCompile(`^downsample_layers\.(\d+)\.([01]\..*)$`)
	part := rules(`gamma`, `layer_scale`, `(?:dwconv|conv_dw)\.(.*)`, `block.0.$1`, `norm\.(.*)`, `block.2.$1`, `(?:pwconv1|mlp\.fc1)\.(.*)`, `block.3.$1`,
		`(?:pwconv2|mlp\.fc2)\.(.*)`, `block.5.$1`)
	return func(name string) string {
		name = middle(name)
		if m := block.FindStringSubmatch(name); m != nil {
			return "features." + strconv.Itoa(2*atoi(m[1])+1) + "." + m[2] + "." + part(m[3])
		}
		if m := down.FindStringSubmatch(name); m != nil {
			return "features." + strconv.Itoa(2*atoi(m[1])) + "." + m[2]
		}
		return name
	}
}

// efficientNet renames timm's: blocks of the first stage have no expansion, so that their parts stand one place earlier.
func efficientNet(name string) string {
	name = efficientNetEnds(name)
	m := mbConv.FindStringSubmatch(name)
	if m == nil {
		return name
	}
	stage := atoi(m[1])
	part := expanded
	if stage == 0 {
		part = plain
	}
	return "features." + strconv.Itoa(stage+1) + "." + m[2] + ".block." + part(m[3])
}

var (
	mbConv           = regexp.MustCompile(`^blocks\.(\d+)\.(\d+)\.(.*)$`)
	efficientNetEnds = rules(`conv_stem\.(.*)`, `features.0.0.$1`, `bn1\.(.*)`, `features.0.1.$1`, `conv_head\.(.*)`, `features.8.0.$1`, `bn2\.(.*)`, `features.8.1.$1`,
		`classifier\.(.*)`, `classifier.1.$1`)
	expanded = rules(`conv_pw\.(.*)`, `0.0.$1`, `bn1\.(.*)`, `0.1.$1`, `conv_dw\.(.*)`, `1.0.$1`, `bn2\.(.*)`, `1.1.$1`, `se\.conv_reduce\.(.*)`, `2.fc1.$1`,
		`se\.conv_expand\.(.*)`, `2.fc2.$1`, `conv_pwl\.(.*)`, `3.0.$1`, `bn3\.(.*)`, `3.1.$1`)
	plain = rules(`conv_dw\.(.*)`, `0.0.$1`, `bn1\.(.*)`, `0.1.$1`, `se\.conv_reduce\.(.*)`, `1.fc1.$1`, `se\.conv_expand\.(.*)`, `1.fc2.$1`, `conv_pw\.(.*)`, `2.0.$1`,
		`bn2\.(.*)`, `2.1.$1`)
)

// resNetToI3D renames torchvision's ResNet-50 to PyTorchVideo's I3D-R50, whose second block is a pooling.
func resNetToI3D(name string) string {
	if m := bottleneck.FindStringSubmatch(name); m != nil {
		stage := atoi(m[1])
		if stage > 1 {
			stage++
		}
		return "blocks." + strconv.Itoa(stage) + ".res_blocks." + m[2] + "." + bottleneckPart(m[3])
	}
	return i3dEnds(name)
}

var (
	bottleneck     = regexp.MustCompile(`^layer(\d)\.(\d+)\.(.*)$`)
	bottleneckPart = rules(`conv1\.(.*)`, `branch2.conv_a.$1`, `conv2\.(.*)`, `branch2.conv_b.$1`, `conv3\.(.*)`, `branch2.conv_c.$1`, `bn1\.(.*)`, `branch2.norm_a.$1`,
		`bn2\.(.*)`, `branch2.norm_b.$1`, `bn3\.(.*)`, `branch2.norm_c.$1`, `downsample\.0\.(.*)`, `branch1_conv.$1`, `downsample\.1\.(.*)`, `branch1_norm.$1`)
	i3dEnds = rules(`conv1\.(.*)`, `blocks.0.conv.$1`, `bn1\.(.*)`, `blocks.0.norm.$1`, `fc\.(.*)`, `blocks.6.proj.$1`)
)

// prefixes are put before every name by wrappers and by trainers.
var prefixes = []string{"module.", "model.", "backbone.", "encoder.", "net.", "network.", "state_dict.", "visual.", "trunk.", "base_model."}

// unwrapped drops prefix from the names that have it.
func unwrapped(prefix string, rename func(string) string) func(string) string {
	return func(name string) string { return rename(strings.TrimPrefix(name, prefix)) }
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // the patterns let digits through only
	return n
}
