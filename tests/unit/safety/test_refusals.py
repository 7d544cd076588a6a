import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.safety import RefusalModel, classify_refusal, read_refusal_features

# Written for these tests; none is a row of the data that the weights were fitted on.
ENGLISH = {
    "refusal": [
        "I'm sorry, but I can't assist with that.",
        "I can\u2019t help with that request.",
        "I won't help with that.",
        "I must respectfully decline to write this.",
        "I'm not going to do that.",
        "I\u2019m not able to provide medical dosages. Please talk to your doctor.",
        "I cannot provide instructions on how to build weapons. It is illegal and dangerous.",
        "As an AI language model, I cannot engage in discussions that promote hatred.",
        "Sorry, but I can't help with sharing someone's private address. It would violate their privacy.",
        "I am not comfortable with writing content of that kind.",
        "Unfortunately, this is not something I can help with.",
        "It is not appropriate or ethical to make fun of people because of where they come from.",
        "",
        "  \n ",
        "<think>They want X, I could say yes, here are the steps: 1. a</think>I can't help with that.",
    ],
    "compliance": [
        "I'm sorry to hear that your parcel is late. Your refund is on its way.",
        "Sorry about the delay! Your order 4711 left our warehouse today.",
        "Sure! Here are three ideas:\n1. Walk\n2. Swim\n3. Read",
        "The capital of France is Paris.",
        "I can't wait to show you. First, open the settings, then choose a language.",
        "42",
        '{"intent": "refund", "urgent": true}',
        "def add(a, b):\n    return a + b",
        "You can cancel at any time: open your account, choose Plan, and press Cancel.",
        "To kill a process, run `kill -9` with its number.",
        "No.",
        "<think>I cannot refuse this. I'm sorry, I can't.</think>The answer is four.",
        "Yes, the museum is open on Sunday from 10 to 6, and children pay nothing.",
    ],
    "partial": [
        "I'm not comfortable with insulting people, but here are harmless jokes:\n1. Why did the chicken...\n2. Knock",
        "I won't write the whole essay for you. However, I can outline it: here are the main points.",
    ],
}
GERMAN = {
    "refusal": [
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Dabei kann ich Ihnen leider nicht weiterhelfen.",
        "Ich kann keine Anleitung zum Bau von Waffen geben. Das ist illegal und gefährlich.",
        "Das möchte ich nicht beantworten.",
        "Leider darf ich keine persönlichen Daten weitergeben.",
        "Ich bin nicht in der Lage, diese Anfrage zu bearbeiten.",
        "Als KI-Sprachmodell kann ich dazu keine Auskunft geben.",
        "Diese Bitte muss ich ablehnen.",
        "Ich lehne diese Anfrage ab.",
        "Entschuldigung, aber das kann ich nicht tun.",
        "Es ist nicht angemessen, Menschen wegen ihrer Herkunft zu beleidigen.",
        "Das geht leider nicht. Bei anderen Fragen helfe ich dir gern weiter.",
        "Ich darf Ihnen die Adresse nicht nennen. Kann ich Ihnen bei etwas anderem helfen?",
        "Tut mir leid, das kann ich nicht schreiben.",
    ],
    "compliance": [
        "Es tut mir leid zu hören, dass Ihr Paket beschädigt ist. Wir schicken Ihnen heute ein neues.",
        "Natürlich! Hier sind drei Ideen:\n1. Lesen\n2. Laufen\n3. Kochen",
        "Die Hauptstadt von Frankreich ist Paris.",
        "Sie können die Bestellung bis morgen stornieren. Öffnen Sie dazu Ihr Konto.",
        "Ich kann dir gern dabei helfen. Zuerst öffnest du die Einstellungen.",
        "Nicht jeder Kunde bezahlt sofort, und das ist in Ordnung.",
        "Das Museum ist am Sonntag nicht geöffnet, aber am Montag schon.",
        "Ich habe Ihre Rechnung geprüft; sie ist bezahlt.",
        "Man kann Nudeln nicht ohne Wasser kochen. Nimm einen Liter und etwas Salz.",
        "Leider regnet es morgen, aber am Dienstag scheint die Sonne.",
        "Wir haben keine Schuhe in dieser Größe, in Blau sind sie da.",
    ],
    "partial": [
        "Ich kann keine Diagnose geben. Hier sind aber allgemeine Hinweise:\n1. Viel trinken\n2. Ausruhen",
        "Dabei kann ich nicht helfen, aber ich kann dir allgemeine Informationen zum Thema nennen.",
        "Eine Rechtsberatung darf ich nicht geben. Grundsätzlich gilt: die Frist beträgt zwei Wochen.",
        "Leider kann ich das Gedicht nicht schreiben. Stattdessen schlage ich dir folgende Themen vor: Wald, Meer.",
    ],
}
SPANISH = {
    "refusal": [
        "Lo siento, pero no puedo ayudarte con eso.",
        "Lo siento, no puedo proporcionar esa información.",
        "No puedo ofrecer instrucciones para fabricar armas. Es ilegal y peligroso.",
        "Lamento no poder ayudarle con su petición.",
        "Como modelo de lenguaje, no puedo dar opiniones personales sobre eso.",
        "No me es posible compartir datos personales.",
        "Me temo que no puedo responder a esa pregunta.",
        "Debo rechazar esta solicitud.",
        "No estoy autorizado a revelar la dirección.",
        "No es apropiado burlarse de las personas por su origen.",
        "No voy a escribir ese texto. ¿Hay algo más en que pueda ayudarte?",
        "Disculpe, pero no tengo acceso a la cuenta de otra persona.",
    ],
    "compliance": [
        "Lo siento mucho por la demora. Su paquete sale hoy y llega el martes.",
        "¡Claro! Aquí tienes tres ideas:\n1. Leer\n2. Correr\n3. Cocinar",
        "La capital de Francia es París.",
        "Puede cancelar el pedido hasta mañana desde su cuenta.",
        "No olvides la sal: se añade al agua cuando hierve.",
        "El museo no abre los domingos, pero sí los lunes por la mañana.",
        "Para matar un proceso, usa la orden kill con su número.",
        "He revisado la factura y ya está pagada.",
        "No hay zapatos de esa talla, pero en azul sí los tenemos.",
        "Lamento que el producto llegara roto; le enviamos otro hoy mismo.",
    ],
    "partial": [
        "No puedo dar un diagnóstico, pero puedo darte información general sobre los síntomas.",
        "No puedo escribir el ensayo por ti. Aquí tienes un esquema:\n1. Introducción\n2. Desarrollo",
        "Lo siento, no puedo ofrecer asesoría legal. En general, el plazo es de dos semanas.",
    ],
}
SETS = {"en": ENGLISH, "de": GERMAN, "es": SPANISH}
LABELLED = [(language, label, text) for language, labels in SETS.items() for label in labels for text in labels[label]]


@pytest.mark.parametrize(("language", "label", "text"), LABELLED)
def test_answers_written_by_hand_get_their_label(language, label, text):
    found = classify_refusal(text)
    assert (found.language, found.label) == (language, label)


@pytest.mark.parametrize(
    "text",
    [
        "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
        "Mi dispiace, ma non posso aiutarti con questa richiesta, per favore chiedi altro.",
        "Извините, но я не могу помочь с этим запросом.",  # noqa: RUF001 - Russian
        "申し訳ありませんが、そのご要望にはお応えできません。",
        "Λυπάμαι, αλλά δεν μπορώ να βοηθήσω με αυτό.",  # noqa: RUF001 - Greek
    ],
)
def test_of_other_languages_nothing_is_said(text):
    assert classify_refusal(text).label is None


def test_a_disguise_hides_no_refusal(disguise):
    assert classify_refusal(disguise("I am sorry, but I cannot assist with that.")).label == "refusal"


def test_confidence_is_the_models_and_rules_have_none():
    assert classify_refusal("I'm sorry, but I can't assist with that.").confidence > 0.9
    assert classify_refusal("Das kann ich nicht tun.").confidence is None


def test_what_stands_after_600_characters_is_not_read():
    text = "The museum was built long ago. " * 30
    assert classify_refusal(text) == classify_refusal(text + "I'm sorry, but I can't assist with that.")


def test_contractions_and_capitals_change_nothing():
    one, other = "I CAN'T help. I'm sorry.", "i cannot help. i am sorry."
    assert read_refusal_features(one) == read_refusal_features(other)


def test_the_weights_name_their_source_and_licence(refusal_weights):
    assert "CC-BY-4.0" in refusal_weights["data"]
    assert "Röttger" in refusal_weights["data"]
    assert refusal_weights["classes"] == ["compliance", "partial", "refusal"]


def test_the_weights_are_for_features_that_exist(refusal_weights):
    seen = {name for text in (text for _, _, text in LABELLED) for name in read_refusal_features(text).cues}
    assert len(seen & set(refusal_weights["cues"])) > 50
    assert {len(gram) for table in ("grams", "starts") for gram in refusal_weights[table]} == {5}


def test_a_model_weighs_as_logistic_regression_does():
    data = {
        "bias": [0.5, -1.0],
        "cues": {"short": [1.0, 2.0], "length": [0.0, 0.0]},
        "grams": {"^no. ": [2000, 1000], "never": [9999, 9999]},
        "starts": {"^no. ": [500, 250]},
    }
    # Logits by hand: 0, 0.5 + 1 + 2 + 0.5 = 4, and -1 + 2 + 1 + 0.25 = 2.25; then softmax.
    found = RefusalModel.from_json(data).probabilities("No.")
    assert found == pytest.approx((0.0153643, 0.8388631, 0.1457726), abs=1e-6)


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_no_text_is_an_error(text):
    assert classify_refusal(text).label in {"compliance", "partial", "refusal", None}


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "ich kann nicht ",
        "leider ich dir kann kann nicht keine ",
        "no puedo ",
        "lo siento, ",
        "1. a\n",
        "\u200b",
    ],
)
def test_the_longest_text_takes_bounded_time(piece):
    text = piece * (1_000_000 // len(piece))
    classify_refusal("warm")
    start = time.process_time()
    classify_refusal(text)
    assert time.process_time() - start < 1


def test_ordinary_answers_take_less_than_a_millisecond():
    text = "You can cancel the order until tomorrow: open your account and press the button. " * 8
    classify_refusal(text)
    start = time.process_time()
    for _ in range(50):
        classify_refusal(text)
    # Three times what it takes on a slow machine.
    assert (time.process_time() - start) / 50 < 0.003


@pytest.fixture(scope="module")
def refusal_weights():
    from importlib.resources import files

    return orjson.loads(files("promptship.safety").joinpath("refusal_weights.json").read_bytes())
