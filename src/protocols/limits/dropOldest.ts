/**
 * Bounds a table that remembers: beyond so many entries the oldest is forgotten. To be called whenever one was added.
 */
export const dropOldest = <K>(table: Map<K, unknown> | Set<K>, limit: number): void => {
  if (table.size > limit) table.delete(table.keys().next().value!)
}
