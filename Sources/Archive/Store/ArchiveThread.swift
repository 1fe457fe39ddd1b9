import Platform

/// The archive's work that blocks or takes long, on a thread of its own: neither files nor the
/// packing of an object (a tenth of a second for the longest parts) are for Swift's pool.
enum ArchiveThread {
  /// `otherwise`: what a failure stands for that is none of the archive's own, a file's mostly.
  static func run<T: Sendable>(
    as rank: Blocking.Rank = .ordinary,
    otherwise: @Sendable (String) -> ArchiveError = { .unreachable($0) },
    _ body: @escaping @Sendable () throws -> T
  ) async throws(ArchiveError) -> T {
    let result = await Blocking.run("archive", as: rank, body)
    do { return try result.get() } catch let error as ArchiveError { throw error } catch {
      throw otherwise("\(error)")
    }
  }
}
