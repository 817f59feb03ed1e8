// OpenJPEG's way into and out of a WebAssembly module: a codestream in memory to interleaved little-endian samples, and back.
//
// This file is ours. OpenJPEG itself (BSD-2-Clause) is compiled beside it from the distribution's source package, without its
// opj_malloc.c: the functions below take that file's place and hold all that OpenJPEG allocates to a budget, so that a small
// hostile codestream can't make it ask for gigabytes.
#define OPJ_SKIP_POISON
#include "opj_includes.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

// Version of what is exported; package jpeg2000 refuses another one.
EXPORT(cl_abi) int cl_abi(void) { return 1; }
EXPORT(cl_version) const char *cl_version(void) { return opj_version(); }

// ---- time ----

// The program outside says whether the call should end. It is asked where OpenJPEG comes by often: at allocations, which each code block has
// some of, and at each packet. Nothing between two of them takes longer than a pass over the image.
__attribute__((import_module("env"), import_name("cl_stop"))) int cl_stop(void);

static void poll(unsigned every) {
	static unsigned n;
	if (++n % every == 0 && cl_stop())
		__builtin_trap();
}

OPJ_BOOL __real_opj_pi_next(opj_pi_iterator_t *pi); // the linker puts ours in its place
OPJ_BOOL __wrap_opj_pi_next(opj_pi_iterator_t *pi) {
	poll(64);
	return __real_opj_pi_next(pi);
}

// ---- memory ----

static size_t budget, used;

EXPORT(cl_budget) void cl_budget(size_t bytes) { budget = used + bytes; }

// Every block has its size in front of it; 32 bytes keep the strictest alignment that OpenJPEG asks for.
#define HEAD 32

static void *take(size_t size, int zero) {
	poll(16);
	if (size == 0 || size > budget || used + size > budget)
		return NULL;
	char *p;
	if (posix_memalign((void **)&p, HEAD, size + HEAD))
		return NULL;
	if (zero)
		memset(p + HEAD, 0, size);
	*(size_t *)p = size;
	used += size;
	return p + HEAD;
}

static void give(void *ptr) {
	if (ptr == NULL)
		return;
	char *p = (char *)ptr - HEAD;
	used -= *(size_t *)p;
	free(p);
}

static void *again(void *ptr, size_t size) {
	if (ptr == NULL)
		return take(size, 0);
	size_t old = *(size_t *)((char *)ptr - HEAD);
	if (size == 0)
		return NULL;
	if (size <= old && old - size < old / 4)
		return ptr;
	void *p = take(size, 0);
	if (p == NULL)
		return NULL;
	memcpy(p, ptr, old < size ? old : size);
	give(ptr);
	return p;
}

void *opj_malloc(size_t size) { return take(size, 0); }
void *opj_calloc(size_t n, size_t size) {
	if (size && n > SIZE_MAX / size)
		return NULL;
	return take(n * size, 1);
}
void *opj_realloc(void *p, size_t size) { return again(p, size); }
void opj_free(void *p) { give(p); }
void *opj_aligned_malloc(size_t size) { return take(size, 0); }
void *opj_aligned_realloc(void *p, size_t size) { return again(p, size); }
void *opj_aligned_32_malloc(size_t size) { return take(size, 0); }
void *opj_aligned_32_realloc(void *p, size_t size) { return again(p, size); }
void opj_aligned_free(void *p) { give(p); }

EXPORT(cl_alloc) void *cl_alloc(size_t size) { return malloc(size); }
EXPORT(cl_free) void cl_free(void *p) { free(p); }

// ---- messages: the first error is kept, which is the cause of those that follow ----

static char message[256];

static void keep(const char *text, void *unused) {
	(void)unused;
	if (message[0] == 0) {
		strncpy(message, text, sizeof message - 1);
		for (size_t n = strlen(message); n > 0 && message[n - 1] == '\n'; n--)
			message[n - 1] = 0;
	}
}

EXPORT(cl_message) const char *cl_message(void) { return message; }

// ---- streams ----

typedef struct {
	uint8_t *data;
	size_t size, at, room; // room: of a stream that is written
} memory;

static OPJ_SIZE_T read_memory(void *to, OPJ_SIZE_T n, void *user) {
	memory *m = user;
	size_t left = m->size - m->at;
	if (left == 0)
		return (OPJ_SIZE_T)-1;
	if (n > left)
		n = left;
	memcpy(to, m->data + m->at, n);
	m->at += n;
	return n;
}

static OPJ_SIZE_T write_memory(void *from, OPJ_SIZE_T n, void *user) {
	memory *m = user;
	if (m->at + n > m->room) {
		size_t room = m->room * 2 > m->at + n ? m->room * 2 : m->at + n;
		uint8_t *p = realloc(m->data, room);
		if (p == NULL)
			return (OPJ_SIZE_T)-1;
		m->data = p;
		m->room = room;
	}
	memcpy(m->data + m->at, from, n);
	m->at += n;
	if (m->at > m->size)
		m->size = m->at;
	return n;
}

static OPJ_OFF_T skip_memory(OPJ_OFF_T n, void *user) {
	memory *m = user;
	if (n < 0 || (uint64_t)n > m->size - m->at)
		return -1;
	m->at += (size_t)n;
	return n;
}

static OPJ_BOOL seek_memory(OPJ_OFF_T at, void *user) {
	memory *m = user;
	if (at < 0 || (uint64_t)at > m->size)
		return OPJ_FALSE;
	m->at = (size_t)at;
	return OPJ_TRUE;
}

static opj_stream_t *stream_of(memory *m, OPJ_BOOL input) {
	opj_stream_t *s = opj_stream_create(1 << 16, input);
	if (s == NULL)
		return NULL;
	opj_stream_set_user_data(s, m, NULL);
	opj_stream_set_user_data_length(s, m->size);
	opj_stream_set_read_function(s, read_memory);
	opj_stream_set_write_function(s, write_memory);
	opj_stream_set_skip_function(s, skip_memory);
	opj_stream_set_seek_function(s, seek_memory);
	return s;
}

// ---- decoding ----

static void *fail(const char *text) {
	keep(text, NULL);
	return NULL;
}

// gather writes the components, interleaved, in cells of 1, 2 or 4 bytes.
static uint8_t *gather(const opj_image_t *im, uint32_t width, uint32_t height, uint32_t n, uint32_t cell) {
	size_t pixels = (size_t)width * height;
	uint8_t *out = malloc(pixels * n * cell);
	if (out == NULL)
		return fail("out of memory");
	for (uint32_t c = 0; c < n; c++) {
		const OPJ_INT32 *in = im->comps[c].data;
		switch (cell) {
		case 1: {
			uint8_t *o = out + c;
			for (size_t i = 0; i < pixels; i++, o += n)
				*o = (uint8_t)in[i];
			break;
		}
		case 2: {
			uint16_t *o = (uint16_t *)out + c;
			for (size_t i = 0; i < pixels; i++, o += n)
				*o = (uint16_t)in[i];
			break;
		}
		default: {
			uint32_t *o = (uint32_t *)out + c;
			for (size_t i = 0; i < pixels; i++, o += n)
				*o = (uint32_t)in[i];
		}
		}
	}
	return out;
}

static uint8_t *decode(opj_codec_t *codec, opj_stream_t *s, opj_image_t **im, uint32_t width, uint32_t height, uint32_t n, uint32_t cell) {
	opj_dparameters_t p;
	opj_set_default_decoder_parameters(&p);
	opj_set_error_handler(codec, keep, NULL);
	// Strict mode, the default, makes a codestream that is cut short an error instead of a guess.
	if (!opj_setup_decoder(codec, &p) || !opj_read_header(s, codec, im))
		return fail("no codestream header");
	if ((*im)->numcomps != n || (*im)->x1 - (*im)->x0 != width || (*im)->y1 - (*im)->y0 != height)
		return fail("the codestream is not of the size that was promised");
	for (uint32_t c = 0; c < n; c++)
		if ((*im)->comps[c].dx != 1 || (*im)->comps[c].dy != 1)
			return fail("subsampled components");
	if (!opj_decode(codec, s, *im) || !opj_end_decompress(codec, s))
		return fail("the codestream can't be decoded");
	for (uint32_t c = 0; c < n; c++)
		if ((*im)->comps[c].data == NULL || (*im)->comps[c].w != width || (*im)->comps[c].h != height)
			return fail("a component was not decoded");
	return gather(*im, width, height, n, cell);
}

// cl_decode returns width × height × n samples of cell bytes, or NULL.
EXPORT(cl_decode) uint8_t *cl_decode(uint8_t *src, size_t size, uint32_t width, uint32_t height, uint32_t n, uint32_t cell) {
	memory m = {src, size, 0, 0};
	opj_image_t *im = NULL;
	uint8_t *out = NULL;
	message[0] = 0;
	opj_stream_t *s = stream_of(&m, OPJ_TRUE);
	opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
	if (s != NULL && codec != NULL)
		out = decode(codec, s, &im, width, height, n, cell);
	if (im != NULL)
		opj_image_destroy(im);
	if (codec != NULL)
		opj_destroy_codec(codec);
	if (s != NULL)
		opj_stream_destroy(s);
	return out;
}

// ---- encoding ----

// scatter reads interleaved samples of cell bytes into the components' 32 bits.
static void scatter(opj_image_t *im, const uint8_t *src, size_t pixels, uint32_t n, uint32_t cell, int sign) {
	for (uint32_t c = 0; c < n; c++) {
		OPJ_INT32 *o = im->comps[c].data;
		for (size_t i = 0; i < pixels; i++) {
			const uint8_t *p = src + (i * n + c) * cell;
			if (cell == 1)
				o[i] = sign ? (int8_t)p[0] : p[0];
			else
				o[i] = sign ? (int16_t)(p[0] | p[1] << 8) : (p[0] | p[1] << 8);
		}
	}
}

static size_t encoded_size;

EXPORT(cl_encoded_size) size_t cl_encoded_size(void) { return encoded_size; }

// cl_encode returns a lossless codestream of cl_encoded_size bytes, or NULL. With colour, the reversible colour transform is used.
EXPORT(cl_encode) uint8_t *cl_encode(const uint8_t *src, uint32_t width, uint32_t height, uint32_t n, uint32_t cell, uint32_t precision, int sign, int colour) {
	opj_image_cmptparm_t parts[4];
	opj_cparameters_t p;
	memory m = {NULL, 0, 0, 0};
	int ok = 0;
	message[0] = 0;
	memset(parts, 0, sizeof parts);
	for (uint32_t c = 0; c < n && c < 4; c++) {
		parts[c].dx = parts[c].dy = 1;
		parts[c].w = width;
		parts[c].h = height;
		parts[c].prec = parts[c].bpp = precision;
		parts[c].sgnd = sign;
	}
	opj_set_default_encoder_parameters(&p);
	p.tcp_numlayers = 1;
	p.cp_disto_alloc = 1;
	p.tcp_mct = colour ? 1 : 0;
	while (p.numresolution > 1 && ((width < height ? width : height) >> (p.numresolution - 1)) == 0)
		p.numresolution--;
	opj_image_t *im = opj_image_create(n, parts, colour ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
	opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
	opj_stream_t *s = stream_of(&m, OPJ_FALSE);
	if (im != NULL && codec != NULL && s != NULL) {
		im->x1 = width;
		im->y1 = height;
		scatter(im, src, (size_t)width * height, n, cell, sign);
		opj_set_error_handler(codec, keep, NULL);
		ok = opj_setup_encoder(codec, &p, im) && opj_start_compress(codec, im, s) && opj_encode(codec, s) && opj_end_compress(codec, s);
	}
	if (im != NULL)
		opj_image_destroy(im);
	if (codec != NULL)
		opj_destroy_codec(codec);
	if (s != NULL)
		opj_stream_destroy(s);
	if (!ok) {
		free(m.data);
		return fail("the image can't be encoded");
	}
	encoded_size = m.size;
	return m.data;
}
