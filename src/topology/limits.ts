/** Neighbours that one agent is told of at most: a list of that many still fits in a request of some 60 KB. */
export const MAX_NEIGHBOURS = 200
