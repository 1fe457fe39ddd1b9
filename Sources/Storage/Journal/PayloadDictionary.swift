/// What payloads have in common: Zstandard finds it here instead of in every record.
///
/// A record of version 2 can be read only with exactly these bytes, so they are never changed: a
/// better dictionary is another record version beside this one. What is likeliest stands last.
enum PayloadDictionary {
  static let version2 = Array(
    """
    {"counts":{"recipients":0,"queued":0,"accepted":0,"delivered":0,"read":0,"failed":0,\
    "ambiguous":0,"suppressed":0},"money":{"held_micros":0,"captured_micros":0,\
    "released_micros":0,"refunded_micros":0}}{"amount_micros":,"available_micros":,\
    "balance_micros":,"currency":"USD","held_micros":0,"id":"top_","reference":""}\
    {"connected_at":"2026-","display_phone_number":"+","meta_app":"default",\
    "phone_number_id":"1","quality_rating":"GREEN","state":"connected","waba_id":"2"}\
    {"messaging_product":"whatsapp","metadata":{"display_phone_number":"",\
    "phone_number_id":""},"contacts":[{"profile":{"name":""},"wa_id":""}],"messages":[{"from":"",\
    "id":"wamid.HBgM","timestamp":"17","type":"text","text":{"body":"","preview_url":false},\
    "type":"image","image":{"caption":"","mime_type":"image/jpeg","sha256":"","id":"","link":\
    "https://","type":"button","interactive":{"type":"button","body":{"text":""},"action":\
    {"buttons":[{"type":"reply","reply":{"id":"","title":""}}]}},"context":{"from":"","id":\
    "wamid.HBgL"}}]}"errors":[{"code":131,"title":"","message":"","error_data":{"details":""}}]\
    {"id":"wamid.HBgN","status":"failed","status":"delivered","status":"read","status":"sent",\
    "timestamp":"17","recipient_id":"","conversation":{"id":"","expiration_timestamp":"17",\
    "origin":{"type":"utility"}},"pricing":{"billable":true,"pricing_model":"PMP","type":\
    "regular","category":"utility","category":"marketing"},"biz_opaque_callback_data":"msg_"}\
    {"type":"header","parameters":[{"type":"text","parameter_name":"","text":""}]}\
    {"recipient_type":"individual","number_id":"num_","type":"template","template":{"name":"",\
    "language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text",\
    "text":""}]}]},"to":"+"}{"id":"msg_","state":"queued"}
    """.utf8)
}
