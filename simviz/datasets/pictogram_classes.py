"""Which glyph of which icon font shows which class.

One string a design, ``family:glyph``. Families: fa Font Awesome 5 and 6, mdi Material Design Icons 5
and 6, ph Phosphor, ri Remix, ei Elusive, co Codicon. A design stands for all weights, fills and
versions of that drawing (``cat``, ``cat-fill``, ``cat-thin``). ``a|b`` are two names of one design.
Every glyph here was looked at on a contact sheet; glyphs whose name promises the class but whose
drawing does not show it are left out.
"""

from __future__ import annotations

# group -> class -> designs. Eight classes a group, so that chance is the same inside each.
CLASSES: dict[str, dict[str, str]] = {
    "animal": {
        "cat": "fa:cat mdi:cat ph:cat",
        "dog": "fa:dog mdi:dog mdi:dog-side ph:dog",
        "bird": "fa:crow fa:dove fa:kiwi-bird mdi:bird mdi:duck mdi:owl ph:bird",
        "fish": "fa:fish fa:fish-fins mdi:fish ph:fish ph:fish-simple",
        "horse": "fa:horse fa:horse-head mdi:horse mdi:horse-variant ph:horse",
        "insect": "fa:bug mdi:bug mdi:ladybug ph:bug ph:bug-beetle ri:bug co:bug",
        "spider": "fa:spider mdi:spider mdi:spider-thread",
        "pig": "fa:piggy-bank mdi:pig mdi:pig-variant mdi:piggy-bank",
    },
    "vehicle": {
        "car": "fa:car fa:car-side mdi:car mdi:car-side mdi:car-hatchback mdi:car-estate mdi:car-sports "
        "mdi:car-convertible ph:car ph:car-simple ri:car ri:roadster ei:car",
        "bus": "fa:bus fa:bus-simple mdi:bus mdi:bus-side mdi:bus-double-decker mdi:bus-school ph:bus ri:bus ri:bus-2",
        "truck": "fa:truck fa:truck-moving mdi:truck mdi:dump-truck mdi:tow-truck ph:truck ri:truck",
        "train": "fa:train fa:train-subway mdi:train mdi:train-variant mdi:subway ph:train ph:train-simple "
        "ph:train-regional ri:train ri:subway",
        "bicycle": "fa:bicycle mdi:bicycle mdi:bicycle-basket ph:bicycle ri:bike",
        "motorcycle": "fa:motorcycle mdi:motorbike mdi:moped ri:motorbike ri:e-bike-2",
        "airplane": "fa:plane fa:plane-departure fa:jet-fighter mdi:airplane mdi:airplane-takeoff ph:airplane "
        "ph:airplane-tilt ph:airplane-takeoff ri:flight-takeoff ei:plane",
        "ship": "fa:ship fa:ferry mdi:ferry ph:boat ri:ship ri:ship-2",
    },
    "food": {
        "apple": "fa:apple-whole mdi:food-apple ph:apple-logo",
        "pizza": "fa:pizza-slice mdi:pizza ph:pizza",
        "bread": "fa:bread-slice mdi:bread-slice mdi:baguette",
        "cake": "fa:birthday-cake mdi:cake mdi:cake-variant mdi:cake-layered mdi:cupcake ph:cake ri:cake ri:cake-2 "
        "ri:cake-3",
        "cookie": "fa:cookie fa:cookie-bite mdi:cookie ph:cookie",
        "coffee": "fa:coffee|mug-saucer fa:mug-hot mdi:coffee mdi:tea ph:coffee co:coffee",
        "beer": "fa:beer mdi:beer mdi:glass-mug mdi:glass-mug-variant",
        "wine": "fa:wine-glass mdi:glass-wine ph:wine",
    },
    "clothing": {
        "shirt": "fa:shirt mdi:tshirt-crew mdi:tshirt-v ph:t-shirt ri:shirt ri:t-shirt",
        "hat": "fa:hat-cowboy fa:hat-cowboy-side fa:hat-wizard mdi:hat-fedora mdi:wizard-hat mdi:chef-hat mdi:hard-hat",
        "glasses": "fa:glasses mdi:glasses mdi:sunglasses ei:glasses",
        "watch": "mdi:watch mdi:watch-variant ph:watch co:watch",
        "crown": "fa:crown mdi:crown ph:crown ph:crown-simple ri:vip-crown ri:vip-crown-2",
        "umbrella": "fa:umbrella fa:umbrella-beach mdi:umbrella mdi:umbrella-closed ph:umbrella ph:umbrella-simple "
        "ri:umbrella",
        "handbag": "fa:shopping-bag mdi:shopping mdi:purse ph:handbag ph:handbag-simple ph:bag ri:handbag "
        "ri:shopping-bag",
        "suitcase": "fa:suitcase fa:suitcase-rolling mdi:bag-suitcase mdi:bag-checked ph:suitcase ph:suitcase-simple "
        "ri:suitcase ri:suitcase-2 ri:suitcase-3",
    },
    "tool": {
        "hammer": "fa:hammer mdi:hammer ri:hammer",
        "wrench": "fa:wrench mdi:wrench ph:wrench ei:wrench co:wrench",
        "scissors": "fa:scissors mdi:content-cut mdi:scissors-cutting ph:scissors ri:scissors ri:scissors-2 "
        "ei:scissors",
        "knife": "mdi:knife mdi:knife-military ph:knife ri:knife",
        "pencil": "fa:pencil|pencil-alt mdi:pencil mdi:lead-pencil ph:pencil ph:pencil-simple ri:pencil ei:pencil",
        "brush": "fa:paint-brush fa:brush mdi:brush mdi:brush-variant ph:paint-brush ph:paint-brush-broad "
        "ph:paint-brush-household ri:brush ri:brush-2 ri:brush-3 ri:brush-4 ei:brush",
        "key": "fa:key mdi:key mdi:key-variant ph:key ri:key-2 ei:key co:key",
        "magnet": "fa:magnet mdi:magnet ph:magnet ph:magnet-straight ei:magnet co:magnet",
    },
    "building": {
        "house": "fa:home fa:house-chimney mdi:home mdi:home-variant ph:house ph:house-simple ph:house-line "
        "ri:home-2 ri:home-3 ri:home-4 co:home",
        "hospital": "fa:hospital mdi:hospital-building ri:hospital",
        "factory": "fa:industry mdi:factory ph:factory",
        "bank": "fa:landmark fa:university mdi:bank ph:bank ri:bank ri:government",
        "store": "fa:store fa:store-alt|shop mdi:store mdi:storefront ph:storefront ri:store ri:store-2 ri:store-3",
        "tent": "fa:campground fa:tent fa:tents mdi:tent",
        "bridge": "fa:bridge fa:bridge-water mdi:bridge",
        "temple": "fa:gopuram fa:torii-gate fa:vihara mdi:temple-buddhist mdi:temple-hindu ri:ancient-gate "
        "ri:ancient-pavilion",
    },
    "nature": {
        "sun": "fa:sun mdi:white-balance-sunny mdi:weather-sunny ph:sun ph:sun-dim",
        "moon": "fa:moon mdi:weather-night mdi:moon-waning-crescent ph:moon ph:moon-stars ri:moon ri:moon-clear",
        "cloud": "fa:cloud mdi:cloud ph:cloud ri:cloud ei:cloud co:cloud",
        "rain": "fa:cloud-rain fa:cloud-showers-heavy mdi:weather-rainy mdi:weather-pouring ph:cloud-rain ri:rainy "
        "ri:showers ri:heavy-showers ri:drizzle",
        "snow": "fa:snowflake mdi:snowflake mdi:snowflake-variant ph:snowflake",
        "tree": "fa:tree mdi:tree mdi:pine-tree mdi:palm-tree ph:tree ph:tree-evergreen",
        "flower": "fa:spa mdi:flower mdi:flower-tulip mdi:flower-poppy ph:flower ph:flower-lotus",
        "leaf": "fa:leaf mdi:leaf mdi:leaf-maple ph:leaf ri:leaf ei:leaf",
    },
    "leisure": {
        "guitar": "fa:guitar mdi:guitar-acoustic mdi:guitar-electric",
        "microphone": "fa:microphone fa:microphone-alt|microphone-lines mdi:microphone mdi:microphone-variant "
        "ph:microphone ri:mic ri:mic-2 ei:mic co:mic",
        "headphones": "fa:headphones fa:headphones-simple mdi:headphones ph:headphones ri:headphone ei:headphones",
        "radio": "fa:radio mdi:radio ph:radio ri:radio ri:radio-2",
        "basketball": "fa:basketball mdi:basketball ph:basketball ri:basketball",
        "football": "fa:football mdi:football ph:football",
        "volleyball": "fa:volleyball mdi:volleyball ph:volleyball",
        "trophy": "fa:trophy mdi:trophy mdi:trophy-variant ph:trophy ri:trophy",
    },
}

# The word looked up where the singular means something else in running text (to watch, a key question).
WORDS = {"watch": "watches", "umbrella": "umbrellas", "key": "keys", "magnet": "magnets", "brush": "brushes"}
