package deid

// personNames are frequent family and given names of several countries. They leave the vocabulary even where a concept's meaning has them (Smith fracture),
// except where protocolWords puts them back.
const personNames = `
smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez gonzales wilson anderson thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker
young allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris morales murphy cook rogers
gutierrez ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward richardson watson brooks chavez wood james bennett gray mendoza ruiz hughes price alvarez castillo sanders patel myers long ross foster jimenez powell
jenkins perry russell sullivan bell coleman butler henderson barnes fisher vasquez simmons romero jordan patterson alexander hamilton graham reynolds griffin wallace moreno west cole hayes bryant herrera gibson ellis tran medina
aguilar stevens murray ford castro marshall owens harrison fernandez mcdonald woods washington kennedy wells vargas henry chen freeman webb tucker guzman burns crawford olson simpson porter hunter gordon mendez silva shaw snyder mason
dixon munoz hunt hicks holmes palmer wagner black robertson boyd stone salazar fox warren mills meyer rice schmidt garza daniels ferguson nichols stephens soto weaver ryan gardner payne grant dunn kelley spencer hawkins arnold pierce
hansen peters santos hart bradley knight elliott cunningham duncan armstrong hudson carroll lane riley andrews alvarado ray delgado berry perkins hoffman johnston matthews pena richards contreras willis carpenter lawrence sandoval
guerrero george chapman rios estrada ortega watkins greene nunez wheeler valdez harper burke larson santiago maldonado morrison franklin carlson austin dominguez carr lawson jacobs obrien lynch singh vega bishop montgomery oliver jensen
harvey williamson gilbert dean sims espinoza howell li wong reid hanson le mccoy garrett burton fuller wang weber welch rojas lucas marquez fields park yang little banks padilla day walsh bowman schultz luna fowler mejia davidson acosta
brewer may holland juarez newman pearson curtis cortez douglas schneider joseph barrett navarro figueroa keller avila wade molina stanley hopkins campos barnett bates chambers caldwell beck lambert miranda byrd craig ayala lowe frazier
powers neal leonard gregory carrillo sutton fleming rhodes shelton schwartz norris jennings rios watts duran walters cohen mcdaniel moran parks steele vaughn becker holt deleon barker terry hale leon hail benson haynes horton miles lyons
pham graves bush thornton wolfe warner cabrera mckinney mann zimmerman dawson lara fletcher page mccarthy love robles cervantes solis erickson reeves chang klein salinas fuentes baldwin daniel simon velasquez hardy higgins aguirre lin
cummings chandler sharp barber bowen ochoa dennis robbins liu ramsey francis griffith paul blair oconnor cardenas pacheco cross calderon quinn moss swanson chan rivas khan rodgers serrano fitzgerald rosales stevenson christensen
manning gill curry mclaughlin harmon mcgee gross doherty garner doe roe muster mustermann max erika musterfrau fischer becker schulz hoffmann schafer koch bauer richter wolf schroder neumann schwarz zimmermann braun kruger hofmann hartmann
lange schmitt werner schmitz krause meier lehmann kaiser fuchs lang scholz peters jung moller vogel keller gunther berger winkler roth lorenz baumann franke albrecht schuster simon ludwig bohm winter kraus schumacher kramer vogt stein jager otto
sommer gross seidel heinrich brandt haas schreiber graf dietrich ziegler kuhn pohl engel horn busch bergmann voigt sauer arnold pfeiffer mueller muller dubois durand leroy moreau laurent lefebvre michel bertrand roux fournier girard
bonnet dupont fontaine rousseau blanc guerin faure rossi russo ferrari esposito bianchi romano colombo ricci marino greco bruno gallo conti costa giordano mancini rizzo lombardi moretti silva santos oliveira souza pereira ferreira alves ribeiro
carvalho almeida ivanov petrov sidorov smirnov kuznetsov popov sokolov novak svoboda dvorak kowalski nowak wisniewski wojcik kaminski lewandowski zielinski nagy kovacs toth szabo horvath andersson johansson karlsson nilsson eriksson larsson
olsson persson svensson hansen nielsen jensen pedersen olsen larsen korhonen virtanen jansen devries bakker visser dejong yamada tanaka suzuki sato watanabe takahashi kobayashi nakamura yoshida ito kato matsumoto zhang zhao wu zhou xu sun ma zhu
hu guo gao lin luo choi jung kang yoon jang lim sharma gupta kumar verma reddy iyer nair rao ahmed ali hassan hussein mohamed mohammed abdullah ibrahim yilmaz kaya demir celik sahin ozturk aydin
mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty margaret sandra ashley kimberly emily donna michelle carol amanda dorothy melissa deborah stephanie rebecca sharon laura cynthia kathleen amy angela
shirley anna brenda pamela emma nicole helen samantha katherine christine debra rachel carolyn janet catherine maria heather diane ruth julie olivia joyce virginia victoria kelly lauren christina joan evelyn judith megan andrea cheryl
hannah jacqueline martha gloria teresa ann sara madison frances kathryn janice jean abigail alice julia judy sophia grace denise amber doris marilyn danielle beverly isabella theresa diana natalie brittany charlotte marie kayla alexis lori
jane john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald steven andrew paul joshua kenneth kevin brian george timothy ronald edward jason jeffrey ryan jacob gary nicholas eric
jonathan stephen larry justin brandon benjamin samuel gregory alexander frank patrick raymond jack dennis jerry tyler aaron jose adam nathan henry zachary douglas peter kyle noah ethan jeremy walter christian keith roger terry austin sean
gerald carl harold dylan arthur lawrence jordan jesse bryan billy bruce gabriel joe logan alan juan albert willie elijah wayne randy vincent mason roy ralph bobby russell bradley philip eugene bill bob tom jim mike dave steve kate
hans klaus jurgen wolfgang dieter heinz helmut manfred uwe stefan andreas thorsten matthias ulrich bernd horst gerhard karl fritz heidi ingrid ursula petra sabine monika renate brigitte claudia gisela anja katrin silke birgit pierre jacques
francois philippe nicolas isabelle nathalie sophie giuseppe giovanni francesco antonio mario luigi paolo marco luca giulia chiara carlos luis miguel pedro javier fernando rafael carmen pilar ivan sergei dmitri olga natasha svetlana tatiana elena
vladimir alexei jan piotr anna katarzyna lars sven erik bjorn olaf astrid ingmar yuki hiroshi kenji takashi akira yoko wei ming mei ying jun hao fatima aisha omar yusuf mehmet ayse mustafa raj priya anil sunil
rose violet glen rex sandy pat rich joy hope faith mercy
`

// placeNames are towns, which leave the vocabulary as names do: coded concepts have some.
const placeNames = `
berlin boston munich cambridge oxford dublin miami portland tokyo osaka kyoto beijing shanghai bordeaux york manchester cleveland mayo london paris toronto melbourne edinburgh copenhagen helsinki oslo stockholm vienna zurich geneva hamburg
madrid barcelona rome milan lyon chicago houston dallas denver detroit baltimore philadelphia seattle atlanta phoenix seoul delhi mumbai sydney brisbane perth adelaide auckland cairo athens lisbon brussels amsterdam rotterdam utrecht leiden
prague warsaw budapest heidelberg freiburg mainz bonn cologne frankfurt stuttgart leipzig dresden basel bern lausanne turin naples bologna florence lille toulouse marseille montreal ottawa vancouver bogota santiago liverpool leeds
sheffield birmingham bristol glasgow cardiff belfast rochester stanford hopkins
`
