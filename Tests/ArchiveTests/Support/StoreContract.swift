import Testing

@testable import Archive

/// What every store must do; the store is empty at the beginning.
func checkContract(_ store: any ObjectStore) async throws {
  #expect(try await store.get("a/b") == nil)
  #expect(try await store.list("") == [])
  try await store.put("a/b", [1, 2, 3])
  try await store.put("a/b", [1, 2, 3])
  await #expect(throws: ArchiveError.conflict(name: "a/b")) { try await store.put("a/b", [4]) }
  #expect(try await store.get("a/b") == [1, 2, 3])
  try await store.put("a/c d+e", [])
  try await store.put("ab/x", [7])
  #expect(try await store.get("a/c d+e") == [])
  #expect(try await store.list("a/").map(\.name) == ["a/b", "a/c d+e"])
  #expect(try await store.list("a").map(\.name) == ["a/b", "a/c d+e", "ab/x"])
  #expect(try await store.list("a/").map(\.bytes) == [3, 0])
  try await store.remove("a/b")
  try await store.remove("a/b")
  #expect(try await store.list("").map(\.name) == ["a/c d+e", "ab/x"])
  for number in 0..<25 { try await store.put("page/\(ArchiveHex.encode(UInt64(number)))", [1]) }
  #expect(try await store.list("page/").count == 25)
  let late = try await store.list("page/", after: "page/" + ArchiveHex.encode(UInt64(9)))
  #expect(late.count == 15 && late.first?.name == "page/" + ArchiveHex.encode(UInt64(10)))
  #expect(try await store.list("page/", after: "page/0").count == 25)
  #expect(try await store.list("page/", after: "page/z").isEmpty)
}

/// Of many who store different bytes under one name, one wins and the others hear of it.
func checkOneWins(_ store: any ObjectStore) async throws {
  let wins = await withTaskGroup(of: UInt8?.self) { group in
    for number in 0..<16 as Range<UInt8> {
      group.addTask { (try? await store.put("x/y", [number])) == nil ? nil : number }
    }
    return await group.reduce(into: [UInt8]()) { if let number = $1 { $0.append(number) } }
  }
  #expect(wins.count == 1)
  #expect(try await store.get("x/y") == wins)
  #expect(try await store.list("").count == 1)
}
