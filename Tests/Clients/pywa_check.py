"""Drives the simulator with pywa, an unmodified public Cloud API client library.

Run by tools/check-clients with the simulator's address and number as arguments. Exits 0 only if every
call did what the library promises.
"""

import io
import sys

import httpx
from pywa import WhatsApp, errors
from pywa import types
from pywa.types import Button, Section, SectionList, SectionRow
from pywa.types.templates import (
    BodyText,
    Template,
    TemplateCategory,
    TemplateLanguage,
)

base, phone_id, waba_id, token = sys.argv[1:5]


class ToSimulator(httpx.HTTPTransport):
    """Sends what is meant for graph.facebook.com to the simulator."""

    def handle_request(self, request):
        if request.url.host == "graph.facebook.com":
            target = httpx.URL(base)
            request.url = request.url.copy_with(
                scheme=target.scheme, host=target.host, port=target.port
            )
            request.headers["host"] = f"{target.host}:{target.port}"
        return super().handle_request(request)


def client(with_token):
    return WhatsApp(
        phone_id=phone_id,
        token=with_token,
        waba_id=waba_id,
        session=httpx.Client(transport=ToSimulator()),
    )


done = []


def check(name, holds):
    done.append(name)
    if not holds:
        sys.exit(f"pywa: {name}: not as promised")


wa = client(token)
user = "+491511234567"

try:
    client("wrong").send_message(to=user, text="hi")
    check("wrong token", False)
except errors.WhatsAppError as error:
    check("wrong token", error.code == 190)

try:
    wa.send_message(to="+491519999999", text="no window")
    check("closed window", False)
except errors.WhatsAppError as error:
    check("closed window", error.code == 131047)

httpx.post(
    f"{base}/_sim/inbound", json={"number": phone_id, "from": user, "message": "hello"}
).raise_for_status()

sent = wa.send_message(to=user, text="Hi", preview_url=False)
check("text", sent.id.startswith("wamid."))
check(
    "buttons",
    wa.send_message(
        to=user, text="Pick", buttons=[Button("Yes", "y"), Button("No", "n")]
    ).id,
)
check(
    "list",
    wa.send_message(
        to=user,
        text="Pick",
        buttons=SectionList(
            "Menu", [Section("S", [SectionRow("Row", "r1", "first"), SectionRow("Two", "r2")])]
        ),
    ).id,
)
check("reaction", wa.send_reaction(to=user, emoji="👍", message_id=sent.id).id)
check("location", wa.send_location(to=user, latitude=1.5, longitude=2.5, name="n").id)
check(
    "contact",
    wa.send_contact(
        to=user,
        contact=types.Contact(
            name=types.Contact.Name(formatted_name="A B", first_name="A"),
            phones=[types.Contact.Phone(phone="+15550001")],
        ),
    ).id,
)

content = bytes(range(256)) * 8
media = wa.upload_media(media=io.BytesIO(content), mime_type="image/png", filename="a.png")
check("upload", media is not None)
media_id = getattr(media, "id", media)
check("image", wa.send_image(to=user, image=media_id, caption="c", mime_type="image/png").id)
url = wa.get_media_url(media_id)
check("media url", url.mime_type == "image/png" and url.file_size == len(content))
check("download", wa.get_media_bytes(url.url) == content)
check("delete media", bool(wa.delete_media(media_id)))
check("mark read", bool(wa.mark_message_as_read(message_id="wamid.HBgX")))
check("typing", bool(wa.indicate_typing(message_id="wamid.HBgX")))

created = wa.create_template(
    Template(
        name="pywa_offer",
        language=TemplateLanguage.ENGLISH_US,
        category=TemplateCategory.MARKETING,
        components=[BodyText("Hello {{1}}!", "Ana")],
    )
)
check("create template", created.id)
names = [template.name for template in wa.get_templates()]
check("list templates", "pywa_offer" in names)
check("get template", wa.get_template(created.id).name == "pywa_offer")

profile = wa.get_business_profile()
check("business profile", profile.about is not None)
check("update profile", bool(wa.update_business_profile(about="Tested")))
check("profile is kept", wa.get_business_profile().about == "Tested")
check("phone number", wa.get_business_phone_number().id == phone_id)
check("phone numbers", any(n.id == phone_id for n in wa.get_business_phone_numbers()))
check("block", wa.block_users(["+491511112222"]) is not None)
check("blocked", any(True for _ in wa.get_blocked_users()))
check("delete template", bool(wa.delete_template("pywa_offer")))
print(f"pywa: {len(done)} checks hold: {', '.join(done)}")
