// A table of any length: AG Grid's infinite model over pages of REST; the server sorts and filters.

import { AllCommunityModule, createGrid, ModuleRegistry, themeQuartz } from "/libraries/ag-grid.js";

ModuleRegistry.registerModules([AllCommunityModule]);

export const BLOCK = 200;

export const theme = themeQuartz.withParams({
  backgroundColor: "var(--panel)", foregroundColor: "var(--ink)", headerBackgroundColor: "var(--raised)",
  headerTextColor: "var(--soft)", borderColor: "var(--line)", rowHoverColor: "var(--hover)",
  selectedRowBackgroundColor: "var(--picked)", accentColor: "var(--accent)", chromeBackgroundColor: "var(--raised)",
  oddRowBackgroundColor: "var(--panel)", fontFamily: "inherit", fontSize: 13, headerFontSize: 12, spacing: 5,
  wrapperBorder: false, rowBorder: { color: "var(--line)" }, browserColorScheme: "inherit",
});

/**
 * Make a table.
 * @param {HTMLElement} element
 * @param {object} frame the page's frame
 * @param {object[]} columns AG Grid's column definitions
 * @param {(start: number, end: number, sort: {column: string, descending: boolean}|null) =>
 *   Promise<{rows: object[], total: number|null}>} load total is null while nobody knows the end
 * @param {object} [options] further options of AG Grid
 */
export function makeTable(element, frame, columns, load, options = {}) {
  const source = {
    async getRows(request) {
      const sorted = request.sortModel[0];
      const sort = sorted ? { column: sorted.colId, descending: sorted.sort === "desc" } : null;
      const size = request.endRow - request.startRow;
      try {
        const { rows, total } = await load(request.startRow, request.endRow, sort);
        const end = rows.length < size ? request.startRow + rows.length : -1;
        request.successCallback(rows, total ?? end);
      } catch (error) {
        request.failCallback();
        frame.say(error.message, { bad: true });
      }
    },
  };
  const grid = createGrid(element, {
    theme, styleNonce: frame.nonce, columnDefs: columns, rowModelType: "infinite", datasource: source,
    cacheBlockSize: BLOCK, maxBlocksInCache: 12, cacheOverflowSize: 1, infiniteInitialRowCount: 1,
    blockLoadDebounceMillis: 40, rowHeight: 30, headerHeight: 32, suppressCellFocus: false,
    getRowId: ({ data }) => String(data.id), animateRows: false, suppressNoRowsOverlay: true,
    defaultColDef: { sortable: false, resizable: true, suppressHeaderMenuButton: true, tooltipValueGetter: ({ valueFormatted, value }) => valueFormatted ?? value },
    suppressDragLeaveHidesColumns: true, onGridSizeChanged: ({ api, clientWidth }) => fit(api, columns, clientWidth),
    ...options,
  });
  return {
    grid,
    /** Ask again for what is shown; selection and place stay. */
    refresh: () => grid.refreshInfiniteCache(),
    /** Ask anew from the top: the filter has changed. */
    restart() {
      grid.deselectAll();
      grid.purgeInfiniteCache();
      grid.ensureIndexVisible(0);
    },
    /** The ids of the selected rows, in the order of the table. */
    selected: () => grid.getSelectedNodes().sort((a, b) => a.rowIndex - b.rowIndex).map((node) => node.data.id),
  };
}

/** Show the columns for which there is room: a column's context says from which width on. */
function fit(grid, columns, width) {
  if (!width) return;
  const [shown, hidden] = [[], []];
  for (const { colId, field, context } of columns) {
    if (context) (width >= context.from ? shown : hidden).push(colId ?? field);
  }
  grid.setColumnsVisible(shown, true);
  grid.setColumnsVisible(hidden, false);
}

export const rowSelection = { mode: "multiRow", checkboxes: true, headerCheckbox: false, enableClickSelection: true };
