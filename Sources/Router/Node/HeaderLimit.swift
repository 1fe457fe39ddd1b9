import Hummingbird
import Wire

/// The limits on a request's head.
///
/// The HTTP decoder has wider ones behind which it closes the connection with a bare 400; within
/// those the client is told.
struct HeaderLimit: Sendable {
  let limits: RouterLimits

  /// Throws `headers_too_large` where a field, their sum or their number is over its limit.
  func check(_ head: HTTPRequest) throws(Failure) {
    let target = head.path?.utf8.count ?? 0
    guard target <= limits.headerFieldBytes else {
      throw Failure(
        .headersTooLarge, "the path may have at most \(limits.headerFieldBytes) bytes")
    }
    guard head.headerFields.count <= limits.headerCount else {
      throw Failure(
        .headersTooLarge, "a request may have at most \(limits.headerCount) headers")
    }
    var total = target
    for field in head.headerFields {
      let bytes = field.name.rawName.utf8.count + field.value.utf8.count
      guard bytes <= limits.headerFieldBytes else {
        throw Failure(
          .headersTooLarge,
          "the header \(field.name.canonicalName.prefix(64)) has more than "
            + "\(limits.headerFieldBytes) bytes")
      }
      total += bytes
    }
    guard total <= limits.headerBytes else {
      throw Failure(
        .headersTooLarge, "path and headers may have at most \(limits.headerBytes) bytes together")
    }
  }
}
