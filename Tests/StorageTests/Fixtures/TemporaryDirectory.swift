import Platform
import Simulation

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A directory of its own, removed with everything in it when `body` ends.
func withTemporaryDirectory<T>(_ body: (String) async throws -> T) async throws -> T {
  let path = try makeTemporaryDirectory()
  do {
    let result = try await body(path)
    removeTree(path)
    return result
  } catch {
    removeTree(path)
    throw error
  }
}

func makeTemporaryDirectory() throws -> String {
  let name = LiveRandomSource().uint64()
  let path = "/tmp/aimstors-storage-tests-\(String(name, radix: 16))"
  try LiveFileSystem().createDirectory(path)
  return path
}

func removeTree(_ path: String) {
  if unlink(path) == 0 { return }
  for name in (try? LiveFileSystem().list(path)) ?? [] { removeTree("\(path)/\(name)") }
  rmdir(path)
}
