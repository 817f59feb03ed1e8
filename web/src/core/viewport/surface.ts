import type { Unsubscribe } from '../contract';

/** A canvas' size. */
export interface Surface {
	/** CSS pixels */
	readonly width: number;
	readonly height: number;
	/** pixels of the screen for a CSS pixel */
	readonly ratio: number;
	/** pixels of the screen exactly, where the browser says */
	readonly pixelWidth?: number;
	readonly pixelHeight?: number;
}

/** Tells a canvas' size, now and whenever it changes: also when the page is zoomed or goes to another screen. */
export function watchSize(canvas: HTMLCanvasElement, changed: (s: Surface) => void): Unsubscribe {
	const tell = (exact?: ResizeObserverSize) => {
		const { clientWidth: width, clientHeight: height } = canvas;
		const ratio = devicePixelRatio || 1;
		changed({ width, height, ratio, ...(exact ? { pixelWidth: exact.inlineSize, pixelHeight: exact.blockSize } : {}) });
	};
	const sizes = new ResizeObserver((entries) => tell(entries[entries.length - 1]?.devicePixelContentBoxSize?.[0]));
	try {
		sizes.observe(canvas, { box: 'device-pixel-content-box' });
	} catch {
		sizes.observe(canvas); // a browser that knows CSS pixels only
	}
	let ratio: MediaQueryList | undefined;
	const again = () => {
		ratio?.removeEventListener('change', again);
		if (ratio) tell();
		ratio = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
		ratio.addEventListener('change', again);
	};
	again();
	tell();
	return () => {
		sizes.disconnect();
		ratio?.removeEventListener('change', again);
	};
}
