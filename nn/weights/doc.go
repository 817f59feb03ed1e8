// Package weights reads files of trained weights and fits their names to the networks of this house.
//
// Nouns: a [File] is what a .pth or .safetensors file holds; [Adapt] renames its tensors so that most of them are found in a network,
// by the naming schemes of torchvision, timm, the authors of ConvNeXt, and by inflating 2D residual networks to video; [Rank] says which
// networks a file is of.
//
// Promise: a scheme is chosen by counting the names that it makes match, never by the file's name; values are never changed here.
package weights
