export { analyzeBlock, analyzeChunks } from './analyze-block.ts';
export type { AnalysisRow, BlockAnalysis, ChunkAnalysis } from './analyze-block.ts';
export { BlockImport } from './block-import.ts';
export { ReadOnlyData, lastBlock, listBlocks, openBlock } from './data-folder.ts';
export type { ListedBlock, ReadOnlyOptions } from './data-folder.ts';
