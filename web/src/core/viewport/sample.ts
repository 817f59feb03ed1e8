let one: OffscreenCanvasRenderingContext2D | undefined;

/** RGB of a pixel of a bitmap. */
export function colourAt(bitmap: ImageBitmap | ImageData, column: number, row: number): readonly [number, number, number] {
	if ('data' in bitmap) {
		const i = 4 * (row * bitmap.width + column);
		return [bitmap.data[i]!, bitmap.data[i + 1]!, bitmap.data[i + 2]!];
	}
	one ??= new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!;
	one.drawImage(bitmap, column, row, 1, 1, 0, 0, 1, 1);
	const [r, g, b] = one.getImageData(0, 0, 1, 1).data;
	return [r!, g!, b!];
}
